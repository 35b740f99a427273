/**
 * A service that shows people different key directories: each lie is refused or shown. It lies with everything it has: it hides statements so
 * that no gap shows, and signs heads that fit what it shows.
 */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { b64u, keyId, parseStatement, principalKeys, random, unb64u } from "../../src/crypto";
import { LocalStore } from "../../src/store";
import type { OpenedSession } from "../../src/sync/opened";
import type { LogView } from "../../src/sync/types";
import { type Somebody, until, World } from "./world";

let world: World;
let adler: Somebody;
let brandt: Somebody;
let store: LocalStore;
let adlers: OpenedSession;
let brandts: OpenedSession;

beforeEach(async () => {
  world = await World.make();
  adler = await world.member("Dr. Adler");
  brandt = await world.member("Dr. Brandt");
  store = await LocalStore.open(crypto.randomUUID());
  adlers = await world.session(adler, store);
  brandts = await world.session(brandt);
});

afterEach(() => {
  adlers.close();
  brandts.close();
  vi.useRealTimers();
});

const log = (session: OpenedSession): LogView | undefined => session.ground.trust.view.value.logs.find(({ hospital }) => hospital === world.hospital);
const trouble = (session: OpenedSession) => log(session)?.trouble;
const warnings = (session: OpenedSession) => log(session)?.warnings.map(({ code }) => code);

async function revoked(somebody: Somebody): Promise<void> {
  await world.state("device-revoked", somebody.device, { principal: somebody.id, reason: "lost" }, world.registrar.id, world.registrar.keys.sign);
}

const about = ({ h }: { h: string }, subject: string): boolean => new TextDecoder().decode(unb64u(h)).includes(`"subject":"${subject}"`);

/** Without the statements about these subjects. */
function hiding(...subjects: string[]): World["shows"] {
  return (all) => all.filter((statement) => !subjects.some((subject) => about(statement, subject)));
}

/** The same device after a pause. */
async function restarted(): Promise<OpenedSession> {
  adlers.close();
  adlers = await world.session(adler, store);
  return adlers;
}

/** Brandt writes to Adler; his epoch says what he was shown. `lie` is what Adler is shown. */
async function brandtWrites(lie: World["shows"]): Promise<void> {
  const talk = await brandts.sending.startDirect(adler.id);
  await brandts.sending.send(talk, { t: "text", text: "Guten Abend" }, {});
  await until(() => world.conversations.get(talk)?.messages.length);
  world.shows = lie;
  await adlers.inbox.sync();
  const messages = adlers.conversations.messages(talk);
  const end = messages.subscribe(() => undefined);
  adlers.conversations.changed([talk]);
  await until(() => messages.value.find(({ body }) => body?.t === "text"));
  end();
}

describe("a directory everybody is shown", () => {
  test("fits, grows, and is signed", async () => {
    await world.member("Dr. Celik");
    await adlers.refreshDirectory();
    await brandtWrites((all) => all);

    expect(log(adlers)).toMatchObject({ size: world.statements.length, signedSize: world.statements.length, trouble: null, warnings: [] });
    expect(trouble(await restarted())).toBeNull();
    await adlers.sending.startDirect(brandt.id);
  });

  test("whose head is late is used, and said after ten minutes", async () => {
    world.isSigning = false;
    const celik = await world.member("Dr. Celik");
    await adlers.refreshDirectory();
    expect(warnings(adlers)).toEqual([]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 601_000 });
    await adlers.refreshDirectory();
    expect(warnings(adlers)).toEqual(["directory.unsigned"]);
    await adlers.sending.startDirect(celik.id);

    world.isSigning = true;
    await adlers.refreshDirectory();
    expect(warnings(adlers)).toEqual([]);
  });
});

describe("a service that lies", () => {
  test.each([true, false])("substitutes a key: another's statement in its place is another directory; with a signed head: %s", async (isSigning) => {
    world.isSigning = isSigning;
    const stranger = await principalKeys(random(32));
    const forged = world.statements.map((statement) => ({ ...statement }));
    const place = forged.findIndex(({ h }) => new TextDecoder().decode(unb64u(h)).includes(`"kind":"member","hospital":"${world.hospital}","subject":"${brandt.id}"`));
    const real = await parseStatement({ h: unb64u(forged[place]?.h ?? ""), s: unb64u(forged[place]?.s ?? "") });
    const h = new TextDecoder().decode(real.h).replace(b64u(brandt.keys.kem.publicKey), b64u(stranger.kem.publicKey));
    Object.assign(forged[place] ?? {}, { h: b64u(new TextEncoder().encode(h)) });
    world.shows = () => forged;
    const fresh = await world.session(await world.somebody());
    expect(() => fresh.ground.trust.directory.principal(brandt.id)).toThrow("statement.no_chain");
    fresh.close();

    world.shows = () => forged.map((statement) => ({ ...statement, order: statement.order + 1000 }));
    await adlers.refreshDirectory();
    expect(trouble(adlers)).toMatchObject({ code: "directory.split", by: null });
    await expect(adlers.sending.startDirect(brandt.id)).rejects.toMatchObject({ code: "directory.split" });
    // Nor is it sealed to where the service names the members, or a role's seed to its people.
    const named = [brandt.id, b64u(await keyId(brandt.keys.kem.publicKey))] as const;
    await expect(adlers.ground.trust.recipients([named])).rejects.toMatchObject({ code: "directory.split" });
    const roles = await adlers.roles();
    await expect(roles.create({ name: "ICU", unit: null, categories: [], eligible: [brandt.id] })).rejects.toMatchObject({ code: "directory.split" });
  });

  test.each([true, false])("sets the directory back: refused, with both heads, and after a restart too; with a signed head: %s", async (isSigning) => {
    world.isSigning = isSigning;
    const known = log(adlers);
    world.shows = (all) => all.slice(0, -1);
    // Without a smaller head only a device that fetches everything once more can tell: another one still has what it had.
    const kept = await store.heads();
    if (!isSigning && kept) await Promise.all([store.dropStatements(), store.putHeads({ ...kept, order: 0 })]);
    await (await restarted()).refreshDirectory();

    expect(trouble(adlers)).toMatchObject({ code: "directory.rolled_back", mine: { size: known?.size, digits: known?.digits }, shown: { size: (known?.size ?? 0) - 1 } });
    await expect(adlers.sending.startDirect(brandt.id)).rejects.toMatchObject({ code: "directory.rolled_back" });
    await (await restarted()).refreshDirectory();
    expect(trouble(adlers)?.code).toBe("directory.rolled_back");
  });

  test("puts a statement beside the log it belongs to, for one person alone: it counts in the log of the hospital that made it", async () => {
    const celik = await world.member("Dr. Celik");
    const elsewhere = crypto.randomUUID();
    world.shows = (all) => all.map((statement) => (about(statement, celik.id) ? { ...statement, hospital: elsewhere } : statement));
    await adlers.refreshDirectory();

    expect(trouble(adlers)).toMatchObject({ code: "directory.split" });
    await expect(adlers.sending.startDirect(celik.id)).rejects.toMatchObject({ code: "directory.split" });
  });

  test("lends another hospital's person to this one: the name is not shown as proved", async () => {
    const falk = await world.member("Dr. Falk", true, await world.partner());
    await adlers.refreshDirectory();
    const shown = () => adlers.ground.trust.view.value.people.find(({ id }) => id === falk.id);
    expect(shown()).toMatchObject({ isProved: true, name: "Dr. Falk" });

    Object.assign(world.people.find(({ id }) => id === falk.id) ?? {}, { hospital: world.hospital });
    await adlers.refreshDirectory();
    expect(shown()).toMatchObject({ isProved: false, name: "" });
  });

  test("hides a revocation: who was shown it tells with the next epoch", async () => {
    const celik = await world.member("Dr. Celik");
    await revoked(celik);
    await brandts.refreshDirectory();
    const lie: World["shows"] = (all) => all.slice(0, -1);
    world.shows = lie;
    await adlers.refreshDirectory();
    expect(trouble(adlers)).toBeNull();

    world.shows = (all) => all;
    await brandtWrites(lie);

    await until(() => trouble(adlers));
    const size = world.statements.length;
    expect(trouble(adlers)).toMatchObject({ code: "directory.withheld", by: brandt.id, mine: { size: size - 1 }, shown: { size } });
    await expect(adlers.sending.startDirect(celik.id)).rejects.toMatchObject({ code: "directory.withheld" });
    // What was missing is shown: then all is well again.
    world.shows = (all) => all;
    await adlers.refreshDirectory();
    expect(trouble(adlers)).toBeNull();
  });

  test("shows two views: seen as soon as two people talk, kept, and over when a person accepts", async () => {
    const [celik, dorn] = [await world.member("Dr. Celik"), await world.member("Dr. Dorn")];
    const [forBrandt, forAdler] = [hiding(celik.id, celik.device), hiding(dorn.id, dorn.device)];
    world.shows = forAdler;
    await adlers.refreshDirectory();
    world.shows = forBrandt;
    await brandts.refreshDirectory();
    const [mine, shown] = [log(adlers), log(brandts)];
    expect([mine?.trouble, shown?.trouble, mine?.size]).toEqual([null, null, shown?.size]);
    expect(mine?.digits).not.toBe(shown?.digits);

    await brandtWrites(forAdler);

    await until(() => trouble(adlers));
    expect(trouble(adlers)).toMatchObject({ code: "directory.split", by: brandt.id, mine: { digits: mine?.digits }, shown: { digits: shown?.digits } });
    await expect(adlers.sending.startDirect(celik.id)).rejects.toMatchObject({ code: "directory.split" });
    expect(trouble(await restarted())?.code).toBe("directory.split");

    world.shows = (all) => all;
    await adlers.ground.trust.accept(world.hospital);
    expect(trouble(adlers)).toBeNull();
    await adlers.sending.startDirect(dorn.id);
  });

  test("signs with another key: said, and it counts for nothing", async () => {
    const before = log(adlers)?.signedSize;
    world.logKey = (await principalKeys(random(32))).sign;
    const celik = await world.member("Dr. Celik");
    await adlers.refreshDirectory();

    expect(log(adlers)).toMatchObject({ signedSize: before, trouble: null, warnings: [{ code: "directory.key_changed", by: null }] });
    await adlers.sending.startDirect(celik.id);
  });
});

test("a head that a member made up blocks nobody, and is said", async () => {
  const heads = brandts.ground.trust.headsOf([brandt.id]);
  vi.spyOn(brandts.ground.trust, "headsOf").mockReturnValue(heads.map((head) => ({ ...head, size: 1_000_000, root: random(32) })));
  await brandtWrites((all) => all);

  await until(() => log(adlers)?.warnings.length);
  expect(log(adlers)).toMatchObject({ trouble: null, warnings: [{ code: "directory.disputed", by: brandt.id }] });
  await adlers.sending.startDirect(world.people[0]?.id === adler.id ? brandt.id : adler.id);
});

describe("one's own statements", () => {
  test("that are not shown are missed", async () => {
    world.before.set("POST /devices", () => ({ status: 200 }));
    world.before.set("GET /devices", () => ({ body: { results: [] } }));
    await adlers.office.revokeDevice(adler.device, "lost");
    await adlers.refreshDirectory();

    expect(warnings(adlers)).toEqual(["directory.not_stated"]);
  });

  test("that this device did not make are shown to their owner, until they say that they have seen it", async () => {
    const tablet = await world.somebody();
    await world.state("device", tablet.device, { principal: adler.id, sign: tablet.deviceKey.publicKey }, adler.id, adler.keys.sign);
    await adlers.refreshDirectory();

    const told = () => adlers.ground.trust.view.value.aboutMe.map(({ kind, device }) => [kind, device]);
    expect(told()).toEqual([["device", tablet.device]]);
    await restarted();
    expect(told()).toEqual([["device", tablet.device]]);
    await adlers.ground.trust.dismissAboutMe();
    await restarted();
    expect(told()).toEqual([]);
  });
});
