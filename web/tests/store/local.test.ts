import "fake-indexeddb/auto";
import { beforeEach, expect, test } from "vitest";
import { random } from "../../src/crypto";
import { type ConversationRow, LocalStore, type MessageRow, snapshotKey } from "../../src/store";

let store: LocalStore;
let key: Uint8Array<ArrayBuffer>;
beforeEach(async () => {
  store = await LocalStore.open(crypto.randomUUID());
  key = await snapshotKey(random(32));
});

const message = (conversation: string, sequence: number): MessageRow => ({
  conversation, sequence, id: crypto.randomUUID(), epoch: 1, person: "p", role: null, device: "d", priority: "normal", createdAt: "", h: random(4), c: random(4), s: random(4), acknowledged: [],
});
const conversation = (id: string): ConversationRow => ({
  id, kind: "direct", epoch: 1, lastSequence: 2, lastAt: null, members: [], request: null, have: 2, read: 0, lastDigest: null, deliveredToOthers: 0,
});

test("a snapshot reads with the key that sealed it, under its own name, and not in clear", async () => {
  await store.putSnapshot(key, "duty", { who: "Dr. Adler" });
  expect(await store.snapshot(key, "duty")).toEqual({ who: "Dr. Adler" });
  expect(await store.snapshot(await snapshotKey(random(32)), "duty")).toBeUndefined();
  expect(await store.snapshot(key, "board")).toBeUndefined();
});

test("what is under a former key is carried over to the present one; what is newer or another's stays", async () => {
  const [former, other] = [key, await snapshotKey(random(32))];
  const present = await snapshotKey(random(32));
  await store.putSnapshot(former, "duty", "kept");
  await store.putSnapshot(present, "board", "new");
  await store.putSnapshot(other, "requests", "another's");
  await store.carryOver([await snapshotKey(random(32)), former], present);
  await store.carryOver([former], present);
  expect(await Promise.all(["duty", "board", "requests"].map((name) => store.snapshot(present, name)))).toEqual(["kept", "new", undefined]);
  expect(await store.snapshot(former, "duty")).toBeUndefined();
  expect(await store.snapshot(other, "requests")).toBe("another's");
});

test("messages come ascending, of one conversation, after a sequence", async () => {
  await store.addMessages([message("a", 2), message("a", 1), message("a", 3)], conversation("a"));
  await store.addMessages([message("b", 9)], conversation("b"));
  expect((await store.messages("a")).map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  expect((await store.messagesAfter("a", 1)).map(({ sequence }) => sequence)).toEqual([2, 3]);
});

test("dropping a conversation takes its messages and leaves the others", async () => {
  await store.addMessages([message("a", 1)], conversation("a"));
  await store.addMessages([message("b", 1)], conversation("b"));
  await store.dropConversation("a");
  expect(await store.messages("a")).toEqual([]);
  expect((await store.conversations()).map(({ id }) => id)).toEqual(["b"]);
  expect(await store.messages("b")).toHaveLength(1);
});

test("the outbox keeps its order and its bytes", async () => {
  const row = (id: string) => ({ id, key: id, kind: "message" as const, conversation: "a", path: "/x", body: `{"n":"${id}"}`, madeAt: "", attachments: [], problem: null });
  const first = await store.putOutbox(row("1"));
  await store.putOutbox(row("2"));
  await store.putOutbox({ ...first, problem: "conversation.closed" });
  expect((await store.outbox()).map(({ id, problem }) => [id, problem])).toEqual([["1", "conversation.closed"], ["2", null]]);
  await store.dropOutbox(first);
  expect((await store.outbox()).map(({ body }) => body)).toEqual(['{"n":"2"}']);
});
