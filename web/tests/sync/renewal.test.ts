/** A phone is lost; the person's key is renewed at the other one, a registrar signs, and nothing that was there is gone. */
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  b64u, type Bytes, Directory, fingerprint, keyId, makeStatement, openHistory, parseRecoveryCode, parseStatement, principalKeys, type PrincipalKeys, random,
  type SigningKey, type StatementKind, timestamp, unb64u, unwrapSeed,
} from "../../src/crypto";
import { LocalStore, snapshotKey } from "../../src/store";
import { Keyring } from "../../src/sync/keyring";
import type { OpenedSession } from "../../src/sync/opened";
import { Authenticator } from "./passkeys";
import { type Somebody, until, World } from "./world";

interface Signed { h: string; s: string }
interface Offer { generation: number; kem: string; sign: string; history: string; device: Signed; ends: Signed[]; wraps: { kind: string; wrap: string; share: string; credential_id?: string }[] }

let world: World;
let authenticator: Authenticator;
let adler: Somebody;
let brandt: Somebody;
let tablet: string;
let credential: string;
let store: LocalStore;
let name: string;
let offered: Offer | null;
const sessions: OpenedSession[] = [];

beforeEach(async () => {
  world = await World.make();
  authenticator = new Authenticator();
  authenticator.install();
  credential = ((await navigator.credentials.create({})) as { id: string }).id;
  [adler, brandt] = [await world.member("Anna Adler"), await world.member("Ben Brandt")];
  const lost = crypto.randomUUID();
  tablet = crypto.randomUUID();
  for (const device of [lost, tablet]) await said("device", device, { principal: adler.id, sign: random(32) }, adler.keys.sign);
  await said("device-revoked", lost, { principal: adler.id, reason: "lost" }, adler.keys.sign);
  offered = null;
  world.before.set("GET /renewal", () => ({ body: standing() }));
  world.before.set("POST /renewal", (body) => { offered = body as Offer; return { status: 201, body: {} }; });
  const ids = [adler.device, tablet, lost];
  world.before.set("GET /devices", () => ({ body: { results: ids.map((id) => ({ id, label: "", revoked_at: id === lost ? timestamp() : null })) } }));
  world.before.set("GET /members/pending", () => ({ body: { results: [] } }));
  world.before.set("GET /members/renewals", () => ({ body: { results: offered && generation() === 1 ? [shown(offered)] : [] } }));
  world.before.set(`POST /members/${adler.id}/renew`, (body) => takeEffect((body as { statement: Signed }).statement));
  name = crypto.randomUUID();
  store = await browserOf(adler);
});
afterEach(() => sessions.splice(0).forEach((session) => session.close()));

async function said<K extends StatementKind>(kind: K, subject: string, body: Parameters<typeof makeStatement<K>>[0]["body"], key: SigningKey): Promise<void> {
  const { h, s } = await makeStatement({ kind, hospital: world.hospital, subject, body, by: adler.id, at: "2026-03-01T12:30:00.000Z", prev: null }, key);
  world.take({ h: b64u(h), s: b64u(s) });
}

const generation = () => (world.statements.some(({ h }) => text(h).includes('"generation":2')) ? 2 : 1);
const text = (h: string): string => new TextDecoder().decode(unb64u(h));
const standing = () => ({ generation: generation(), due_since: generation() === 1 ? "2026-03-01T12:30:00Z" : null, state: offered ? "waiting" : "none", device: offered && adler.device });
const shown = ({ generation, kem, sign }: Offer) => ({ person: adler.id, generation, keys: { kem, sign }, profile: b64u(adler.profile), offered_at: timestamp() });

/** As the service does: ends, keys and the device that stays, in that order. */
function takeEffect(statement: Signed) {
  for (const each of [...(offered?.ends ?? []), statement, ...(offered ? [offered.device] : [])]) world.take(each);
  return { body: { person: adler.id, generation: 2 } };
}

async function browserOf({ id, device, deviceKey }: Somebody): Promise<LocalStore> {
  const made = await LocalStore.open(name);
  const pins = [[world.hospital, world.root.publicKey] as [string, Bytes]];
  const account = { person: id, hospital: world.hospital, hospitalName: "", credential, idleLockSeconds: 900, pins };
  await made.enrol({ id: device, label: "", ...deviceKey, secretKey: null, secret: null }, account);
  return made;
}

async function opened(somebody: Somebody, at?: LocalStore): Promise<OpenedSession> {
  const session = await world.session(somebody, at);
  sessions.push(session);
  return session;
}

const stage = (session: OpenedSession) => session.renewing.value?.stage;

async function offers(session: OpenedSession): Promise<string> {
  await until(() => stage(session) === "due");
  const renewal = await session.renewal();
  const code = await renewal.prepare();
  expect(offered).toBeNull(); // until the code is written down the service has nothing
  await renewal.offer();
  return code;
}

async function signs(): Promise<string> {
  const registrar = await opened(world.registrar);
  await registrar.vouching.refresh();
  const [waiting] = registrar.vouching.pending.value;
  expect(waiting).toMatchObject({ person: adler.id, isRenewal: true, name: "Anna Adler" });
  await registrar.vouching.approve(adler.id);
  return waiting?.fingerprint ?? "";
}

async function unlocked(): Promise<{ wraps: object[]; keys: object[] }> {
  const keys = [{ generation: 1, history: null }, { generation: 2, history: offered?.history }];
  return { wraps: (offered?.wraps ?? []).map((wrap) => ({ credential_id: null, device: null, generation: 2, ...wrap })), keys };
}

async function nextOf(offer: Offer): Promise<{ seed: Bytes; keys: PrincipalKeys }> {
  const wrap = offer.wraps.find(({ kind }) => kind === "passkey");
  const seed = await unwrapSeed("passkey", unb64u(wrap?.wrap ?? ""), authenticator.secretOf(credential), unb64u(wrap?.share ?? ""), adler.id);
  return { seed, keys: await principalKeys(seed) };
}

test("what is offered hangs together: keys, history, copies under passkey and the new code, this device and the end of the other", async () => {
  const session = await opened(adler, store);
  const code = await offers(session);
  const offer = offered as unknown as Offer;
  const { seed, keys } = await nextOf(offer);

  expect([offer.generation, offer.kem, offer.sign]).toEqual([2, b64u(keys.kem.publicKey), b64u(keys.sign.publicKey)]);
  expect(await openHistory(seed, adler.id, 1, unb64u(offer.history))).toEqual(adler.seed);
  const [own, printed] = offer.wraps;
  expect([own?.kind, own?.credential_id, printed?.kind]).toEqual(["passkey", credential, "recovery"]);
  expect(await unwrapSeed("recovery", unb64u(printed?.wrap ?? ""), parseRecoveryCode(code), unb64u(printed?.share ?? ""), adler.id)).toEqual(seed);
  expect(session.renewing.value).toEqual({ stage: "waiting", fingerprint: await fingerprint(keys.kem.publicKey, keys.sign.publicKey) });
  expect(offer.ends.map(({ h }) => JSON.parse(text(h)) as object)).toMatchObject([{ subject: tablet, body: { principal: adler.id, reason: "replaced" } }]);
  const sent = JSON.stringify(world.calls);
  for (const secret of [seed, adler.seed, parseRecoveryCode(code), authenticator.secretOf(credential)]) expect(sent).not.toContain(b64u(secret));

  await signs();
  const directory = new Directory(new Map([[world.hospital, world.root.publicKey]]));
  const refused = await directory.extend(await Promise.all(world.statements.map(({ h, s }) => parseStatement({ h: unb64u(h), s: unb64u(s) }))));
  expect(refused).toEqual([]);
  expect(await directory.device(adler.device)).toMatchObject({ principal: adler.id });
  await expect(directory.device(tablet)).rejects.toMatchObject({ code: "statement.revoked" });
});

test("once signed it takes effect in the open session: no tap, history readable, the next epoch to the new key, nothing unsent lost", async () => {
  const session = await opened(adler, store);
  const place = await session.sending.startDirect(brandt.id);
  await session.sending.send(place, { t: "text", text: "davor" }, {});
  await until(() => session.outbox.rows.length === 0);
  await offers(session);
  world.before.set("POST /conversations", () => ({ status: 503, body: { code: "service.try_again", detail: "" } }));
  await session.sending.send(place, { t: "text", text: "noch unterwegs" }, {});
  const asked = authenticator.asked.length;
  expect(await signs()).toBe((session.renewing.value as { fingerprint: string }).fingerprint);

  await session.refreshDirectory();
  await until(() => stage(session) === "done");
  world.before.delete("POST /conversations");
  session.outbox.flush();
  await until(() => session.outbox.rows.length === 0);
  session.conversations.messages(place).subscribe(() => undefined);
  await until(() => world.conversations.get(place)?.epochs.length === 2);
  await session.sending.send(place, { t: "text", text: "danach" }, {});

  const lines = () => session.conversations.messages(place).value.map(({ body }) => body && "text" in body && body.text);
  await until(() => lines().length === 3);
  expect(lines()).toEqual(["davor", "noch unterwegs", "danach"]);
  expect([session.ground.ring.generation, authenticator.asked.length]).toEqual([2, asked]);
  const { kem } = (await nextOf(offered as unknown as Offer)).keys;
  const [, second] = world.conversations.get(place)?.epochs ?? [];
  expect(text(second?.h ?? "")).toContain(JSON.stringify([adler.id, b64u(await keyId(kem.publicKey))]));
  // What the person did themselves is no news to them.
  expect(session.ground.trust.view.value.aboutMe).toEqual([]);
});

test("loaded anew meanwhile, one tap opens it; what this device keeps is carried over, what only it knew too", async () => {
  const first = await opened(adler, store);
  await offers(first);
  const said = first.renewing.value?.fingerprint;
  await first.ground.store.putSnapshot(first.ground.ring.storeKey, "about-me", [{ digest: "d", kind: "device", device: null, at: "" }]);
  first.close();
  const session = await opened(adler, await LocalStore.open(name));
  await until(() => stage(session) === "waiting");
  expect(session.renewing.value?.fingerprint).toBe(said);
  await signs();
  await session.refreshDirectory();
  await until(() => stage(session) === "signed");
  const wire = await unlocked();
  world.before.set("GET /session/unlock", () => ({ body: wire }));

  await (await session.renewal()).open();

  const { seed } = await nextOf(offered as unknown as Offer);
  expect([session.ground.ring.generation, session.ground.ring.seed]).toEqual([2, seed]);
  expect(world.calls.some(({ method, path }) => method === "POST" && path === "/session")).toBe(false);
  const key = await snapshotKey(seed);
  expect(await session.ground.store.snapshot(key, "about-me")).toHaveLength(1);
  // Whoever has the former seed reads nothing of this device from here on.
  await until(async () => (await session.ground.store.snapshot(await snapshotKey(adler.seed), "directory")) === undefined);
});

test("locked meanwhile, unlocking finds what the device kept, under the next key", async () => {
  const session = await opened(adler, store);
  await session.ground.store.putSnapshot(session.ground.ring.storeKey, "about-me", [{ digest: "d", kind: "device", device: null, at: "" }]);
  await offers(session);
  await signs();
  session.close();
  world.isOffline = true;
  const { seed } = await nextOf(offered as unknown as Offer);
  const rows = [{ generation: 2, history: unb64u(offered?.history ?? "") }];
  const owner = { person: adler.id, hospital: world.hospital, device: adler.device, deviceKey: adler.deviceKey };
  const again = await world.sessionOf(await Keyring.of(owner, seed, 2, rows), await LocalStore.open(name));
  sessions.push(again);

  expect(again.ground.trust.view.value.people.map(({ id }) => id)).toContain(brandt.id);
  expect(again.ground.trust.view.value.aboutMe).toHaveLength(1);
});

test("a browser without PRF keeps the next seed under its own secret, and opens it without a tap", async () => {
  authenticator.prf = "never";
  const [secretKey, plain, nonce] = [await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]), random(32), random(12)];
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, secretKey, plain));
  await store.putDevice({ id: adler.device, label: "", ...adler.deviceKey, secretKey, secret: { nonce, sealed } });
  const first = await opened(adler, store);
  const asked = authenticator.asked.length;
  await offers(first);
  expect(offered?.wraps.map(({ kind }) => kind)).toEqual(["device", "recovery"]);
  await signs();
  first.close();
  const session = await opened(adler, await LocalStore.open(name));
  await until(() => stage(session) === "signed");
  const wire = await unlocked();
  world.before.set("GET /session/unlock", () => ({ body: wire }));
  await (await session.renewal()).open();

  expect([session.ground.ring.generation, authenticator.asked.length]).toEqual([2, asked]);
});

test("a key that the registrar signed and this device did not make is not taken in", async () => {
  const session = await opened(adler, store);
  await offers(session);
  const keys = await principalKeys(random(32));
  offered = { ...(offered as unknown as Offer), kem: b64u(keys.kem.publicKey), sign: b64u(keys.sign.publicKey) };
  await signs();
  await session.refreshDirectory();
  await until(() => stage(session) === "signed");
  const wire = await unlocked();
  world.before.set("GET /session/unlock", () => ({ body: wire }));

  await expect((await session.renewal()).open()).rejects.toMatchObject({ code: "wrap.unreadable" });
  expect(session.ground.ring.generation).toBe(1);
  expect(session.ground.trust.view.value.aboutMe).toMatchObject([{ kind: "member" }]);
});

test("an offer that cannot follow what was signed of its person is shown to no registrar", async () => {
  const session = await opened(adler, store);
  await offers(session);
  offered = { ...(offered as unknown as Offer), generation: 3 };
  const registrar = await opened(world.registrar);
  await registrar.vouching.refresh();
  expect(registrar.vouching.pending.value).toEqual([]);
  await expect(registrar.vouching.approve(adler.id)).rejects.toMatchObject({ code: "member.not_shown" });
});

test("who has lost nothing is not asked about it", async () => {
  await opened(brandt);
  expect(world.calls.some(({ path }) => path === "/renewal")).toBe(false);
});
