import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { b64u, sealEpoch, sealMessage, sha256, timestamp, unb64u, utf8 } from "../../src/crypto";
import type { OpenedSession } from "../../src/sync/opened";
import type { MessageView } from "../../src/sync/types";
import { type Somebody, until, World } from "./world";

let world: World;
let adler: Somebody;
let brandt: Somebody;
let adlers: OpenedSession;
let brandts: OpenedSession;
let conversation: string;

beforeEach(async () => {
  world = await World.make();
  adler = await world.member("Dr. Adler");
  brandt = await world.member("Dr. Brandt");
  adlers = await world.session(adler);
  brandts = await world.session(brandt);
  conversation = await adlers.sending.startDirect(brandt.id);
  await brandts.resync();
});

afterEach(() => {
  adlers.close();
  brandts.close();
  // The world stays until the next one stands in its place: key housekeeping that a test began may still be under way.
});

const send = (text: string) => adlers.sending.send(conversation, { t: "text", text }, {});

/** What the session shows of the conversation once `isReady`. */
async function shown(session: OpenedSession, isReady: (views: MessageView[]) => boolean): Promise<MessageView[]> {
  const store = session.conversations.messages(conversation);
  const end = store.subscribe(() => undefined);
  session.conversations.changed([conversation]);
  const views = await until(() => isReady(store.value) && store.value);
  end();
  return views;
}

async function received(session: OpenedSession, count = 1): Promise<MessageView[]> {
  await session.resync();
  return shown(session, (views) => views.length >= count && views.every(({ sequence }) => sequence !== null));
}

const sent = (count: number) => until(() => world.conversations.get(conversation)?.messages.length === count && adlers.outbox.rows.length === 0);

describe("a message", () => {
  test("arrives, opened, with who wrote it, and the server saw none of it", async () => {
    await send("Bett frei? Patient beatmet");
    await sent(1);

    const [message] = await received(brandts);

    expect(message).toMatchObject({ person: adler.id, isOwn: false, body: { t: "text", text: "Bett frei? Patient beatmet" }, problem: null });
    const seen = JSON.stringify(world.calls);
    expect(seen).not.toContain("beatmet");
    expect(seen).not.toContain(b64u(utf8("beatmet")).slice(0, 8));
  });

  test("written without a network waits, survives a reload, and is sent as the identical bytes", async () => {
    world.isOffline = true;
    await send("bitte melden");
    const [waiting] = await shown(adlers, (views) => views.length === 1);
    expect(waiting).toMatchObject({ state: "waiting", sequence: null, body: { text: "bitte melden" } });
    const [kept] = await adlers.ground.store.outbox();
    adlers.close();

    const reloaded = await world.session(adler, adlers.ground.store);
    world.isOffline = false;
    await reloaded.resync();
    await until(() => reloaded.outbox.rows.length === 0);

    const posts = world.calls.filter(({ method, path }) => method === "POST" && path.endsWith("/messages"));
    expect(posts.map(({ body, key }) => [body, key])).toEqual([[kept?.body, kept?.key]]);
    reloaded.close();
  });

  test("whose answer was lost is sent again, the same, and is there once", async () => {
    let lost = 1;
    world.before.set(`POST /conversations/${conversation}/messages`, (body) => {
      if (lost-- <= 0) return undefined;
      void world.answer(`/api/v1/conversations/${conversation}/messages`, { method: "POST", body: JSON.stringify(body) });
      return { status: 503, body: { code: "http.503", detail: "" } };
    });
    await send("einmal");
    await sent(1);

    const [first, , again] = world.calls.filter(({ path }) => path.endsWith("/messages")).map(({ body, key }) => body + (key ?? ""));
    expect(again).toBe(first);
    expect(await received(brandts)).toHaveLength(1);
  });

  test("refused for good says so, and can be discarded", async () => {
    world.before.set(`POST /conversations/${conversation}/messages`, () => ({ status: 409, body: { code: "conversation.closed", detail: "" } }));
    const id = await send("zu spät");
    const [message] = await shown(adlers, ([first]) => first?.state === "refused");
    expect(message).toMatchObject({ id, problem: "conversation.closed", body: { text: "zu spät" } });

    await adlers.outbox.discard(id);
    expect(await adlers.ground.store.outbox()).toEqual([]);
  });

  test("sealed in an epoch that is over is sealed again, under the same id", async () => {
    const detail = await brandts.inbox.detail(conversation);
    // Brandt's turn of the key, which Adler has not heard of.
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 25 * 3600 * 1000 });
    expect(await new (await import("../../src/sync/epochs")).Epochs(brandts.ground).rotateIfDue(detail, null)).toBe(true);
    vi.useRealTimers();

    const id = await send("noch da?");
    await sent(1);

    expect(await received(brandts)).toMatchObject([{ id, body: { text: "noch da?" }, problem: null }]);
    expect(world.conversations.get(conversation)?.messages[0]?.epoch).toBe(2);
  });

  test("of a device enrolled after the last look at the directory opens", async () => {
    const carl = await world.member("Dr. Carl");
    const carls = await world.session(carl);
    const other = await carls.sending.startDirect(brandt.id);
    await carls.sending.send(other, { t: "text", text: "neu hier" }, {});
    await until(() => carls.outbox.rows.length === 0);
    carls.close();

    await brandts.inbox.sync();

    const store = brandts.conversations.messages(other);
    store.subscribe(() => undefined);
    expect((await until(() => store.value.length === 1 && store.value))[0]).toMatchObject({ body: { text: "neu hier" }, problem: null });
  });

  test("beyond a gap is shown when the gap has been fetched", async () => {
    for (const text of ["eins", "zwei", "drei"]) await send(text);
    await sent(3);
    const last = world.conversations.get(conversation)?.messages[2];
    if (last) await brandts.inbox.receive(conversation, last);

    const texts = (await shown(brandts, (views) => views.length === 3)).map(({ body }) => body?.t === "text" && body.text);
    expect(texts).toEqual(["eins", "zwei", "drei"]);
  });
});

describe("somebody awaited", () => {
  test("is shown, and the next epoch is sealed to them; once admitted they read all of it", async () => {
    const carl = await world.member("Dr. Carl");
    await adlers.refreshDirectory();
    Object.assign(world.conversations.get(conversation) ?? {}, { awaited: [carl.id] });
    await adlers.resync();
    const awaited = () => adlers.conversations.list.value.find(({ id }) => id === conversation)?.awaited.map(({ principal }) => principal);
    expect(await until(() => awaited()?.length && awaited())).toEqual([carl.id]);

    await adlers.sending.keepHouse(conversation);
    const place = await until(() => world.conversations.get(conversation)?.epochs.length === 2 && world.conversations.get(conversation));
    await adlers.sending.keepHouse(conversation);
    expect(place.epochs).toHaveLength(2);
    await send("vor der Alarmierung");
    await sent(1);

    Object.assign(place, { members: [...place.members, carl.id], awaited: [] });
    const carls = await world.session(carl);
    expect(await received(carls)).toMatchObject([{ body: { t: "text", text: "vor der Alarmierung" }, problem: null }]);
    carls.close();
  });

  test("whom nobody vouches for is not sealed to", async () => {
    const mallory = await world.member("Mallory", false);
    Object.assign(world.conversations.get(conversation) ?? {}, { awaited: [mallory.id] });
    await adlers.resync();

    await expect(adlers.sending.keepHouse(conversation)).rejects.toMatchObject({ code: "statement.no_chain" });
    expect(world.conversations.get(conversation)?.epochs).toHaveLength(1);
  });
});

describe("what is not believed", () => {
  test("a message the server gives to another person", async () => {
    await send("von Adler");
    await sent(1);
    Object.assign(world.conversations.get(conversation)?.messages[0] ?? {}, { person: brandt.id });
    expect(await received(brandts)).toMatchObject([{ body: null, problem: "signature.invalid" }]);
  });

  test("a message lifted into another conversation", async () => {
    await send("anderswo");
    await sent(1);
    const [message] = world.conversations.get(conversation)?.messages ?? [];
    const carl = await world.member("Dr. Carl");
    await adlers.refreshDirectory();
    const other = await adlers.sending.startDirect(carl.id);
    if (message) world.conversations.get(other)?.messages.push(message);
    await adlers.resync();
    const store = adlers.conversations.messages(other);
    store.subscribe(() => undefined);
    expect((await until(() => store.value.length === 1 && store.value))[0]).toMatchObject({ body: null, problem: "signature.invalid" });
  });

  test("a message of a device that was revoked before", async () => {
    const at = new Date(Date.now() - 1000).toISOString();
    await world.state("device-revoked", adler.device, { principal: adler.id, reason: "stolen" }, adler.id, adler.keys.sign, at);
    await send("vom gestohlenen Telefon");
    await sent(1);
    await brandts.refreshDirectory();
    expect(await received(brandts)).toMatchObject([{ body: null, problem: "statement.revoked" }]);
  });

  test("a message that a colleague's device signed in another's name", async () => {
    await send("von Adler");
    await sent(1);
    const key = adlers.ground.ring.epochKey(conversation, 1) ?? new Uint8Array();
    const header = { conversation, epoch: 1, id: crypto.randomUUID(), by: adler.id, role: null, device: brandt.device, at: timestamp(), prev: null, priority: "normal" as const, attachments: [] };
    const { h, c, s } = await sealMessage(header, utf8('{"t":"text","text":"auch von Adler"}'), key, brandt.deviceKey);
    const body = JSON.stringify({ envelope: { h: b64u(h), c: b64u(c), s: b64u(s) } });
    await world.answer(`/api/v1/conversations/${conversation}/messages`, { method: "POST", body });

    expect((await received(brandts))[1]).toMatchObject({ body: null, problem: "statement.no_chain" });
  });

  test("an epoch made by an outsider, although their device is proved", async () => {
    const eve = await world.member("Eve");
    const row = await brandts.ground.store.epoch(conversation, 1);
    const former = unb64u(world.conversations.get(conversation)?.epochs[0]?.h ?? "");
    const recipients = [adler, brandt, eve].map(({ id, keys }) => ({ principal: id, kem: keys.kem.publicKey }));
    const draft = { conversation, epoch: 2, prev: await sha256(former), by: eve.id, role: null, device: eve.device, at: timestamp(), recipients, retention: "standard" };
    const sealed = await sealEpoch(draft, eve.deviceKey);
    await world.addEpoch(conversation, { h: b64u(sealed.h), w: sealed.w.map(b64u), s: b64u(sealed.s) });
    const header = { conversation, epoch: 2, id: crypto.randomUUID(), by: eve.id, role: null, device: eve.device, at: timestamp(), prev: null, priority: "normal" as const, attachments: [] };
    const { h, c, s } = await sealMessage(header, utf8('{"t":"text","text":"hallo"}'), sealed.key, eve.deviceKey);
    const body = JSON.stringify({ envelope: { h: b64u(h), c: b64u(c), s: b64u(s) } });
    await world.answer(`/api/v1/conversations/${conversation}/messages`, { method: "POST", body });

    await brandts.refreshDirectory();
    expect(row).toBeUndefined();
    expect(await received(brandts)).toMatchObject([{ body: null, problem: "signature.invalid" }]);
  });

  test("a key the server merely lists: no name, and nothing is sealed to it", async () => {
    const mallory = await world.member("Mallory", false);
    await adlers.refreshDirectory();
    const listed = adlers.ground.trust.view.value.people.find(({ id }) => id === mallory.id);
    expect(listed).toMatchObject({ isProved: false, name: "" });
    await expect(adlers.sending.startDirect(mallory.id)).rejects.toMatchObject({ code: "statement.no_chain" });
  });

  test("a name other than the one that was signed", async () => {
    Object.assign(world.people[1] ?? {}, { profile: b64u(utf8('{"salt":"AAAAAAAAAAAAAAAAAAAAAA","name":"Dr. Falsch","title":"","profession":"","speciality":"","unit":""}')) });
    await adlers.refreshDirectory();
    expect(adlers.ground.trust.view.value.people.map(({ name }) => name)).toEqual(["Dr. Adler", ""]);
  });
});

describe("access that ends", () => {
  test("a conversation no longer readable leaves the device", async () => {
    await send("Übergabe");
    await sent(1);
    await received(brandts);
    const place = world.conversations.get(conversation);
    if (place) place.hidden = true;

    await brandts.resync();

    expect(await brandts.ground.store.messages(conversation)).toEqual([]);
    expect(await brandts.ground.store.epoch(conversation, 1)).toBeUndefined();
    await until(() => brandts.conversations.list.value.length === 0);
  });
});
