import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  b64u, type Bytes, formatInvitation, formatLink, keyId, parseRecoveryCode, parseStatement, profileDigest, random, sealLink, sha256, unb64u, unwrapSeed,
  verify, verifyStatement,
} from "../../src/crypto";
import { LocalStore } from "../../src/store";
import { Keyring } from "../../src/sync/keyring";
import { ApiError } from "../../src/sync/api";
import { Wardline } from "../../src/sync/wardline";
import { Authenticator } from "./passkeys";
import { type Somebody, until, World } from "./world";

interface Enrolment {
  device: { id: string; public_key: string };
  statement: { h: string; s: string };
  wraps: { kind: string; wrap: string; share: string }[];
  keys?: { kem: string; sign: string; profile: string };
  credential: { id: string };
}

let world: World;
let authenticator: Authenticator;
let wardline: Wardline;
let person: string;
let enrolment: Enrolment;
let credentialId: string;
let state: "pending" | "active";
let challenge: Bytes;

const session = () => ({ person, device: enrolment?.device.id ?? null, hospital: world.hospital, state, expires_at: null, idle_lock_seconds: 900, roles_on_duty: [], lapse: null });
const posted = (path: string) => world.calls.filter((call) => call.path === path && call.method === "POST").map(({ body }) => body);

beforeEach(async () => {
  world = await World.make();
  vi.stubGlobal("WebSocket", class { readyState = 0; close() { this.readyState = 3; } });
  vi.stubGlobal("addEventListener", vi.fn());
  authenticator = new Authenticator();
  authenticator.install();
  person = crypto.randomUUID();
  state = "pending";
  challenge = random(32);
  world.before.set("GET /session/unlock", () => ({ body: unlockMaterial() }));
  world.before.set("GET /session", () => ({ body: session() }));
  world.before.set("POST /invitations/look", () => ({ body: { hospital: { id: world.hospital, name: "Klinikum Mitte" }, name: "Dr. Neu", title: "", profession: "physician", speciality: "anaesthesia", unit: "", person, root: b64u(world.root.publicKey) } }));
  const user = { id: b64u(random(16)), name: "x", displayName: "x" };
  world.before.set("POST /enrolment/options", () => ({ body: { publicKey: { challenge: b64u(challenge), rp: { id: "ward.example" }, user } } }));
  world.before.set("POST /enrolment", (body) => {
    enrolment = body as Enrolment;
    credentialId = enrolment.credential.id;
    return { body: session() };
  });
  world.before.set("POST /session/options", () => ({ body: { publicKey: { challenge: b64u(challenge) } } }));
  world.before.set("POST /session/wraps", () => ({ status: 201, body: {} }));
  world.before.set("POST /session", () => ({ body: session() }));
  wardline = new Wardline();
  await wardline.start();
});

afterEach(async () => {
  await wardline.wipe();
  vi.unstubAllGlobals();
});

function unlockMaterial() {
  const wraps = enrolment.wraps.map((wrap) => ({ ...wrap, credential_id: wrap.kind === "passkey" ? credentialId : null, device: null, generation: 1 }));
  return { wraps, keys: [{ generation: 1, history: null }] };
}

/** What the registrar does once the fingerprint has been compared. */
async function approve(): Promise<void> {
  const { kem = "", sign = "", profile = "" } = enrolment.keys ?? {};
  const body = { generation: 1, kem: unb64u(kem), sign: unb64u(sign), profile: await profileDigest(unb64u(profile)) };
  await world.state("member", person, body, world.registrar.id, world.registrar.keys.sign);
  world.take(enrolment.statement);
  world.people.push({ id: person, hospital: world.hospital, profile, kind: "human", is_registrar: false });
  state = "active";
}

const join = () => wardline.join(`https://ward.example${formatInvitation("tok", world.root.publicKey)}`, "Telefon");

describe("joining", () => {
  test("makes keys here, sends them wrapped, and waits for the registrar", async () => {
    const { recoveryCode, fingerprint } = await join();

    expect(wardline.session.value).toMatchObject({ phase: "pending", person, fingerprint });
    const statement = await parseStatement({ h: unb64u(enrolment.statement.h), s: unb64u(enrolment.statement.s) });
    expect(statement).toMatchObject({ kind: "device", subject: enrolment.device.id, by: person, hospital: world.hospital });
    await verifyStatement(statement, unb64u(enrolment.keys?.sign ?? ""));
    const secrets: Record<string, Bytes> = { recovery: parseRecoveryCode(recoveryCode), passkey: authenticator.secretOf(credentialId) };
    expect(enrolment.wraps.map(({ kind }) => kind)).toEqual(["passkey", "recovery"]);
    const [first, second] = await Promise.all(
      enrolment.wraps.map(({ kind, wrap, share }) => unwrapSeed(kind as "passkey", unb64u(wrap), secrets[kind] ?? random(32), unb64u(share), person)),
    );
    expect(first).toEqual(second);
  });

  test("sends the server neither seed, recovery code, PRF output nor what follows the token", async () => {
    const { recoveryCode } = await join();
    const secret = b64u(authenticator.secretOf(credentialId));
    const all = JSON.stringify(world.calls);
    for (const kept of [recoveryCode, b64u(parseRecoveryCode(recoveryCode)), secret, b64u(world.root.publicKey)]) expect(all).not.toContain(kept);
  });

  test("opens by itself once approved, and after a lock by the passkey", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    await join();
    await approve();
    await vi.advanceTimersByTimeAsync(5000);
    vi.useRealTimers();
    await until(() => wardline.session.value.phase === "open");
    await until(() => wardline.directory.value.people.some(({ id, isProved }) => id === person && isProved));

    wardline.lock();
    expect(wardline.session.value.phase).toBe("locked");
    expect(wardline.directory.value.people).toEqual([]);
    await expect(wardline.requestBed({} as never)).rejects.toThrow();

    await wardline.unlock();
    expect(wardline.session.value).toMatchObject({ phase: "open", person });
    const signIn = JSON.parse(posted("/session")[0] ?? "{}") as { signature: string; device: string };
    await verify(unb64u(enrolment.device.public_key), unb64u(signIn.signature), "wardline/1 sign-in", await sha256(challenge));
  });

  test.each([
    ["whose answer is lost finds itself enrolled", true, 1],
    ["that did not arrive is sent again, the same", false, 2],
  ])("%s", async (_name, isKept, attempts) => {
    let lost = 1;
    world.before.set("POST /enrolment", (body, path) => {
      if (path !== "/enrolment") return { body: { publicKey: { challenge: b64u(challenge), user: { id: "AAAA", name: "", displayName: "" } } } };
      const isLost = lost-- > 0;
      if (isKept || !isLost) enrolment = body as Enrolment;
      return isLost ? { status: 502, body: { code: "http.502", detail: "" } } : { body: session() };
    });
    await join();
    const calls = world.calls.filter(({ path }) => path === "/enrolment");
    expect(calls).toHaveLength(attempts);
    expect(new Set(calls.map(({ key, body }) => `${key} ${body}`)).size).toBe(1);
    expect(wardline.session.value.phase).toBe("pending");
  });
});

describe("an authenticator", () => {
  test("that gives its PRF output only in an assertion is asked once more", async () => {
    authenticator.prf = "at-use";
    await join();
    expect(authenticator.asked).toHaveLength(2);
    expect(enrolment.wraps.map(({ kind }) => kind)).toEqual(["passkey", "recovery"]);
  });

  test("without PRF leaves the seed under a key that cannot leave this browser", async () => {
    authenticator.prf = "never";
    await join();
    expect(enrolment.wraps.map(({ kind }) => kind)).toEqual(["device", "recovery"]);
    await approve();
    wardline.lock();
    await wardline.unlock();
    expect(wardline.session.value.phase).toBe("open");
    expect(posted("/session/wraps")).toEqual([]);
  });

  test("that has learnt PRF since gets a wrap of its own", async () => {
    authenticator.prf = "never";
    await join();
    await approve();
    wardline.lock();
    authenticator.prf = "at-use";
    await wardline.unlock();
    const [added] = posted("/session/wraps").map((body) => JSON.parse(body) as { kind: string; wrap: string; share: string; credential_id: string });
    expect(added).toMatchObject({ kind: "passkey", credential_id: credentialId });
    await unwrapSeed("passkey", unb64u(added?.wrap ?? ""), authenticator.secretOf(credentialId), unb64u(added?.share ?? ""), person);
  });
});

describe("unlocking", () => {
  test("with the recovery code instead of the passkey's secret; a wrong one opens nothing", async () => {
    const { recoveryCode } = await join();
    await approve();
    wardline.lock();
    await expect(wardline.recover("00000-00000-00000-00000-000000")).rejects.toMatchObject({ code: "wrap.unreadable" });
    expect(wardline.session.value.phase).toBe("locked");
    await wardline.recover(recoveryCode.toLowerCase().replaceAll("-", " "));
    expect(wardline.session.value.phase).toBe("open");
  });

  test("on a revoked device opens nothing and leaves nothing", async () => {
    await join();
    await approve();
    wardline.lock();
    world.before.set("POST /session", (_body, path) => (path === "/session" ? { status: 401, body: { code: "device.revoked", detail: "" } } : undefined));
    await expect(wardline.unlock()).rejects.toBeInstanceOf(ApiError);
    await until(() => wardline.session.value.phase === "new" && wardline.session.value.reason === "revoked");
    const store = await LocalStore.open();
    expect([await store.device(), await store.account()]).toEqual([undefined, undefined]);
    store.close();
  });

  test("asks for the passkey of this device and no other", async () => {
    await join();
    wardline.lock();
    await wardline.unlock();
    const last = authenticator.asked.at(-1) as { publicKey: { allowCredentials: { id: Bytes }[] } };
    expect(last.publicKey.allowCredentials.map(({ id }) => b64u(id))).toEqual([credentialId]);
  });

  test("ends when the server ends the sign-in", async () => {
    await join();
    await approve();
    wardline.lock();
    await wardline.unlock();
    world.before.set("GET /duty", () => ({ status: 401, body: { code: "session.ended", detail: "" } }));
    await expect(wardline.refresh("duty")).rejects.toMatchObject({ status: 401 });
    expect(wardline.session.value).toMatchObject({ phase: "locked", reason: "expired" });
  });

  test("ends, and the device is emptied, when the membership has ended", async () => {
    await join();
    await approve();
    wardline.lock();
    await wardline.unlock();
    world.before.set("GET /session", () => ({ body: { ...session(), state: "anonymous", lapse: "membership.ended" } }));
    world.before.set("GET /duty", () => ({ status: 401, body: { code: "session.ended", detail: "" } }));
    await expect(wardline.refresh("duty")).rejects.toMatchObject({ status: 401 });
    await until(() => wardline.session.value.phase === "new");
  });
});

describe("a phone left alone", () => {
  const touch = () => vi.mocked(addEventListener).mock.calls.filter(([name]) => name === "pointerdown").at(-1)?.[1] as () => void;

  async function opened(): Promise<void> {
    await join();
    await approve();
    wardline.lock();
    vi.useFakeTimers({ toFake: ["Date", "setInterval", "clearInterval"] });
    await wardline.unlock();
    await until(() => wardline.session.value.phase === "open");
  }

  test("locks after the hospital's time without a touch", async () => {
    await opened();
    await vi.advanceTimersByTimeAsync(890_000);
    touch()();
    await vi.advanceTimersByTimeAsync(890_000);
    expect(wardline.session.value.phase).toBe("open");
    await vi.advanceTimersByTimeAsync(15_000);

    expect(wardline.session.value).toMatchObject({ phase: "locked", reason: "idle", fingerprint: null });
    expect(wardline.directory.value.people).toEqual([]);
    await expect(wardline.requestBed({} as never)).rejects.toThrow();
  });

  test("and asleep meanwhile locks at the first touch, which revives nothing", async () => {
    await opened();
    vi.setSystemTime(Date.now() + 901_000);
    touch()();

    expect(wardline.session.value).toMatchObject({ phase: "locked", reason: "idle" });
  });

  test("holds no key any more once it is locked", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const rings: WeakRef<Keyring>[] = [];
    // A spy would remember what it gave, and a stub who listens.
    const { of } = Keyring;
    Keyring.of = async (...parts) => {
      const ring = await of.apply(Keyring, parts);
      rings.push(new WeakRef(ring));
      return ring;
    };
    const page = new EventTarget();
    const listening = { addEventListener: page.addEventListener.bind(page), removeEventListener: page.removeEventListener.bind(page) };
    Object.assign(document, listening);
    for (const [name, listens] of Object.entries(listening)) vi.stubGlobal(name, listens);
    await opened();
    Keyring.of = of;
    await vi.advanceTimersByTimeAsync(905_000);
    expect(wardline.session.value.reason).toBe("idle");
    vi.useRealTimers();

    await until(() => {
      collect();
      return rings.every((ring) => ring.deref() === undefined);
    });
    expect(rings.length).toBeGreaterThan(0);
  });

  test("locks when the sign-in ends, of which the server said the time", async () => {
    await join();
    await approve();
    wardline.lock();
    world.before.set("POST /session", () => ({ body: { ...session(), expires_at: new Date(Date.now() + 500).toISOString() } }));
    await wardline.unlock();
    expect(wardline.session.value.phase).not.toBe("locked");

    await until(() => wardline.session.value.phase === "locked");
    expect(wardline.session.value.reason).toBe("expired");
  });
});

describe("a link", () => {
  let adler: Somebody;
  const secret = random(32);
  const link = async (token: string) => (await wardline.answerLink(formatLink(token, secret), "Laptop", () => undefined, new AbortController().signal))();

  beforeEach(async () => {
    adler = await world.member("Dr. Adler");
    person = adler.id;
    state = "active";
    const payload = { person: adler.id, seed: adler.seed, generation: 1, hospital: world.hospital, root: world.root.publicKey };
    const sealed = b64u(await sealLink(payload, secret, "tok"));
    world.before.set("POST /device-links/look", () => ({ body: { sealed, person } }));
  });

  test("makes this browser a device of the person, with the same keys", async () => {
    await link("tok");
    expect(wardline.session.value).toMatchObject({ phase: "open", person: adler.id });
    const statement = await parseStatement({ h: unb64u(enrolment.statement.h), s: unb64u(enrolment.statement.s) });
    expect(statement.kid).toBe(b64u(await keyId(adler.keys.sign.publicKey)));
    expect(JSON.stringify(world.calls)).not.toContain(b64u(adler.seed));
    expect(JSON.stringify(world.calls)).not.toContain(b64u(secret));
  });

  test("of a revoked device is refused and leaves the device that is here alone", async () => {
    await link("tok");
    world.before.set("POST /device-links/look", () => ({ status: 401, body: { code: "device.revoked", detail: "" } }));
    await expect(link("other")).rejects.toMatchObject({ code: "device.revoked" });
    expect(wardline.session.value).toMatchObject({ phase: "open", person: adler.id });
  });

  test("whose payload is another person's is refused", async () => {
    person = crypto.randomUUID();
    await expect(link("tok")).rejects.toMatchObject({ code: "wrap.unreadable" });
    expect(wardline.session.value.phase).toBe("new");
  });
});

test("wiping leaves nothing on the device", async () => {
  await join();
  await wardline.wipe();
  const store = await LocalStore.open();
  expect([await store.device(), await store.account(), await store.statements()]).toEqual([undefined, undefined, []]);
  store.close();
  expect(wardline.session.value.phase).toBe("new");
});
