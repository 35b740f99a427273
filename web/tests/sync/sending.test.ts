import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { b64u, CHUNK_BYTES, keyId, parseEpochHeader, parseMessageHeader, random, sha256, unb64u } from "../../src/crypto";
import type { OpenedSession } from "../../src/sync/opened";
import { type Somebody, until, World } from "./world";

let world: World;
let adler: Somebody;
let brandt: Somebody;
let session: OpenedSession;

beforeEach(async () => {
  world = await World.make();
  adler = await world.member("Dr. Adler");
  brandt = await world.member("Dr. Brandt");
});

afterEach(() => {
  session.close();
  vi.unstubAllGlobals();
});

describe("an image", () => {
  const arrived = new Map<number, Blob>();
  let puts: number[] = [];

  beforeEach(async () => {
    session = await world.session(adler);
    arrived.clear();
    puts = [];
    world.before.set("POST /attachments/", () => ({ body: {} }));
    world.before.set("POST /attachments", (_body, path) => (path === "/attachments" ? { body: { chunks: [...arrived.keys()], is_complete: false } } : { body: {} }));
    world.before.set("PUT /attachments/", (body, path) => {
      const n = Number(path.split("/").at(-1));
      puts.push(n);
      if (n === 1 && puts.length === 2) return { status: 503, body: { code: "http.503", detail: "" } };
      arrived.set(n, body as Blob);
      return { body: {} };
    });
    world.before.set("GET /attachments/", () => ({ body: new Blob([...arrived].sort(([a], [b]) => a - b).map(([, blob]) => blob)) }));
  });

  test("goes up in chunks, resumes where it broke, and opens on the other side", async () => {
    const conversation = await session.sending.startDirect(brandt.id);
    const photo = new Blob(Array.from({ length: 40 }, () => random(65_536)), { type: "image/jpeg" });
    await session.sending.sendImage(conversation, { blob: photo, width: 10, height: 20 }, "Röntgen", {});
    await until(() => session.outbox.rows.length === 0);

    expect(photo.size).toBeGreaterThan(2 * CHUNK_BYTES);
    expect(puts).toEqual([0, 1, 1, 2]);
    const other = await world.session(brandt);
    const store = other.conversations.messages(conversation);
    store.subscribe(() => undefined);
    const [message] = await until(() => store.value.length === 1 && store.value);
    expect(message?.body).toMatchObject({ t: "image", caption: "Röntgen", width: 10, height: 20 });
    const opened = message && (await other.conversations.openImage(message));
    expect(await digestOf(opened ?? new Blob())).toBe(await digestOf(photo));
    other.close();
  });

  test("does not hold up the text written after it", async () => {
    const conversation = await session.sending.startDirect(brandt.id);
    world.before.set("PUT /attachments/", () => ({ status: 503, body: { code: "http.503", detail: "" } }));
    await session.sending.sendImage(conversation, { blob: new Blob([random(10)]), width: 1, height: 1 }, "", {});
    await session.sending.send(conversation, { t: "text", text: "dringend" }, { priority: "stat" });
    const [message] = await until(() => world.conversations.get(conversation)?.messages.length === 1 && world.conversations.get(conversation)?.messages);
    expect(message?.priority).toBe("stat");
    await until(() => session.outbox.rows.length === 1);
    expect(session.outbox.rows[0]?.attachments).toHaveLength(1);
  });
});

describe("a bed request", () => {
  let role: { id: string };
  const wanted = () => ({
    category: "icu-high" as const, capabilities: [], urgency: "stat" as const, ageBand: "adult", sex: "", transportMode: "",
    hospitals: [{ hospital: world.hospital, role: role.id }], note: "Beatmet seit gestern",
  });
  interface Sent { id: string; candidates: { role: string; wave: number; conversation: { id: string; epoch: { h: string } }; message: { h: string } | null }[] }
  const posts = () => world.calls.filter(({ method, path }) => method === "POST" && path === "/requests");

  beforeEach(async () => {
    role = await world.role("Intensivkoordination", brandt);
    session = await world.session(adler);
  });

  test("goes out whole: an epoch for requester and duty role, and the note sealed", async () => {
    world.before.set("POST /requests", () => ({ status: 201, body: {} }));
    const id = await session.requests.requestBed(wanted());
    await until(() => session.outbox.rows.length === 0);

    const body = JSON.parse(posts()[0]?.body ?? "") as Sent;
    expect(body.id).toBe(id);
    const [candidate] = body.candidates;
    const header = parseEpochHeader(unb64u(candidate?.conversation.epoch.h ?? ""));
    expect(header.to.map(([principal]) => principal)).toEqual([adler.id, role.id].sort());
    expect(parseMessageHeader(unb64u(candidate?.message?.h ?? "")).priority).toBe("stat");
    expect(posts()[0]?.body).not.toContain("Beatmet");
  });

  test("in waves says when each is asked, and seals to all of them now", async () => {
    world.before.set("POST /requests", () => ({ status: 201, body: {} }));
    const second = await world.role("Hintergrund", brandt);
    await session.refreshDirectory();
    const hospitals = [{ hospital: world.hospital, role: role.id }, { hospital: world.hospital, role: second.id, wave: 2 }];
    await session.requests.requestBed({ ...wanted(), hospitals, waveInterval: 600 });
    await until(() => session.outbox.rows.length === 0);

    const body = JSON.parse(posts()[0]?.body ?? "") as Sent & { wave_interval: number };
    expect(body.wave_interval).toBe(600);
    expect(body.candidates.map(({ wave }) => wave)).toEqual([1, 2]);
    const header = parseEpochHeader(unb64u(body.candidates[1]?.conversation.epoch.h ?? ""));
    expect(header.to.map(([principal]) => principal)).toEqual([adler.id, second.id].sort());
    expect(body.candidates[1]?.message).not.toBeNull();
  });

  test("with members the server knows better is sealed again for them, under a new key", async () => {
    const carl = await world.member("Dr. Carl");
    let refusals = 1;
    world.before.set("POST /requests", () => {
      if (refusals-- <= 0) return { status: 201, body: {} };
      return { status: 409, body: { code: "epoch.stale_recipients", detail: "", recipients: recipients } };
    });
    const recipients: [string, string][] = [];
    await session.refreshDirectory();
    for (const principal of [adler.id, role.id, carl.id].sort()) {
      const { kem } = session.ground.trust.directory.principal(principal);
      recipients.push([principal, b64u(await keyId(kem))]);
    }
    await session.requests.requestBed(wanted());
    await until(() => session.outbox.rows.length === 0);

    const [first, second] = posts();
    expect(second?.key).not.toBe(first?.key);
    const body = JSON.parse(second?.body ?? "") as Sent;
    const header = parseEpochHeader(unb64u(body.candidates[0]?.conversation.epoch.h ?? ""));
    expect(header.to.map(([principal]) => principal)).toEqual([adler.id, role.id, carl.id].sort());
  });

  test("is not sealed to a key the server names and nobody signed", async () => {
    const forged: [string, string][] = [[adler.id, "AAAAAAAAAAAAAAAAAAAAAA"], [role.id, "AAAAAAAAAAAAAAAAAAAAAA"]];
    world.before.set("POST /requests", () => ({ status: 409, body: { code: "epoch.stale_recipients", detail: "", recipients: forged } }));
    await session.requests.requestBed(wanted());
    await until(() => session.outbox.rows[0]?.problem === "statement.no_chain");
    expect(posts()).toHaveLength(1);
  });
});

describe("a duty role", () => {
  test("opens its conversations to who holds it, and speaks in its name", async () => {
    const role = await world.role("Intensivkoordination", brandt);
    session = await world.session(adler);
    expect(session.ground.trust.view.value.roles).toMatchObject([{ id: role.id, eligible: [brandt.id] }]);
    const conversation = await session.sending.startDirect(role.id);
    await session.sending.send(conversation, { t: "text", text: "für den Dienst" }, {});
    await until(() => session.outbox.rows.length === 0);

    const brandts = await world.session(brandt);
    const store = brandts.conversations.messages(conversation);
    store.subscribe(() => undefined);
    const [message] = await until(() => store.value.length === 1 && store.value);
    expect(message).toMatchObject({ body: { text: "für den Dienst" }, problem: null });
    await brandts.sending.send(conversation, { t: "text", text: "gesehen" }, {});
    await until(() => world.conversations.get(conversation)?.messages.length === 2);
    expect(world.conversations.get(conversation)?.messages[1]).toMatchObject({ person: brandt.id, role: role.id });
    brandts.close();
  });
});

async function digestOf(blob: Blob): Promise<string> {
  return b64u(await sha256(new Uint8Array(await blob.arrayBuffer())));
}
