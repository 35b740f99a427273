import { expect, test } from "vitest";
import type { LocalStore, OutboxRow } from "../../src/store";
import { type Api, ApiError } from "../../src/sync/api";
import { Outbox } from "../../src/sync/outbox";

const row = (id: string): OutboxRow =>
  ({ id, kind: "message", conversation: "c", path: "/", body: "{}", key: id, attachments: [], problem: null }) as unknown as OutboxRow;

test("a row added while another one leaves is not forgotten", async () => {
  let stored = (): void => undefined;
  const waits = new Map([["second", new Promise<void>((resolve) => (stored = resolve))]]);
  const store = {
    putOutbox: async (added: OutboxRow) => {
      await waits.get(added.id);
      return added;
    },
    dropOutbox: () => Promise.resolve(),
  } as unknown as LocalStore;
  const api = { postText: () => Promise.reject(new ApiError(0, { code: "network", detail: "" })) } as unknown as Api;
  const outbox = new Outbox(api, store, { sent: () => Promise.resolve(), changed: () => undefined, mend: () => Promise.resolve(null) });

  await outbox.add(row("first"));
  const adding = outbox.add(row("second"));
  await outbox.discard("first");
  stored();
  await adding;

  expect(outbox.rows.map(({ id }) => id)).toEqual(["second"]);
  outbox.close();
});
