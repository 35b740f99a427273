/** Keys of duty roles: renewed by the registrar's client, handed on by those who had the former ones. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  b64u, type Bytes, keyId, makeProfile, makeStatement, openHistory, openRoleSeed, principalKeys, profileDigest, random, sealHistory, sealRoleSeed, sha256, type StatementOf, unb64u,
} from "../../src/crypto";
import type { OpenedSession } from "../../src/sync/opened";
import { type Somebody, until, World } from "./world";

let world: World;
let session: OpenedSession | undefined;
let adler: Somebody;
let brandt: Somebody;
let role: { id: string; seed: Bytes };

beforeEach(async () => {
  world = await World.make();
  [adler, brandt] = [await world.member("Anna Adler"), await world.member("Ben Brandt")];
  role = await world.role("Intensivkoordination", adler);
});
afterEach(() => session?.close());

const firstStatement = (): Bytes => unb64u(world.statements.find(({ h }) => text(h).includes('"role"') && text(h).includes(role.id))?.h ?? "");
const text = (h: string): string => new TextDecoder().decode(unb64u(h));

function shown(statement: { h: string; s: string }): void {
  const next = world.statements.length + 1;
  world.statements.push({ order: next, hospital: world.hospital, place: next - 1, leaf: null, ...statement });
}

/** Generation 2 for these, as a registrar's client would have stated it. */
async function second(eligible: Somebody[]): Promise<{ seed: Bytes; statement: StatementOf<"role"> }> {
  const seed = random(32);
  const { kem } = await principalKeys(seed);
  const profile = makeProfile({ name: "Intensivkoordination", title: "", profession: "", speciality: "", unit: "" });
  const body = { generation: 2, kem: kem.publicKey, profile: await profileDigest(profile), eligible: eligible.map(({ id }) => id) };
  const prev = b64u(await sha256(firstStatement()));
  const draft = { kind: "role" as const, hospital: world.hospital, subject: role.id, body, by: world.registrar.id, at: "2026-03-02T12:00:00.000Z", prev };
  const statement = await makeStatement(draft, world.registrar.keys.sign);
  shown({ h: b64u(statement.h), s: b64u(statement.s) });
  return { seed, statement };
}

async function dutyOf(person: Somebody, seed: Bytes, statement: Bytes, history: string | null): Promise<void> {
  const sealed = b64u(await sealRoleSeed(seed, person.keys.kem.publicKey, statement));
  const keys = [{ generation: 1, history: null }, { generation: 2, history }];
  world.duty = [{ role: role.id, holder: null, since: null, until: null, sealed, generation: 2, keys: keys as { generation: number; history: null }[] }];
}

describe("A role that is due", () => {
  interface Posted { statement: { h: string; s: string }; seals: { person: string; kid: string; sealed: string }[]; history: string | null }
  let posted: Posted[] = [];
  let refuseOnce = false;

  beforeEach(() => {
    posted = [];
    refuseOnce = false;
    world.before.set("GET /roles", () => {
      const due = posted.length === 0 || refuseOnce ? [{ reason: "left", person: crypto.randomUUID(), since: "2026-03-02T12:00:00Z" }] : [];
      // Brandt was never signed to be eligible: a server that lists him must get no seal for him.
      const listed = { id: role.id, name: "Intensivkoordination", unit: null, categories: [], generation: 1, eligible: [adler.id, brandt.id], due, lacks_history: false };
      return { body: { results: [listed], units: [] } };
    });
    world.before.set("POST /roles", (body) => {
      posted.push(body as Posted);
      if (refuseOnce) {
        refuseOnce = false;
        return { status: 503, body: { code: "service.try_again", detail: "" } };
      }
      shown((body as Posted).statement);
      return { status: 201, body: { id: role.id } };
    });
  });

  it("is renewed by itself when a registrar unlocks, for those who were signed before and are still there", async () => {
    session = await world.session(world.registrar);
    const [made] = await until(() => posted.length > 0 && posted);

    expect(made?.seals.map(({ person }) => person)).toEqual([adler.id]);
    expect(made?.seals[0]?.kid).toBe(b64u(await keyId(adler.keys.kem.publicKey)));
    const seed = await openRoleSeed(unb64u(made?.seals[0]?.sealed ?? ""), adler.keys.kem, unb64u(made?.statement.h ?? ""));
    const { kem } = await principalKeys(seed);
    const body = (JSON.parse(text(made?.statement.h ?? "")) as { body: { generation: number; kem: string } }).body;
    expect(body).toMatchObject({ generation: 2, kem: b64u(kem.publicKey) });
    // The registrar is not eligible: the former seed is not here.
    expect(made?.history).toBeNull();
    expect(session.ground.ring.roleSeed(role.id, 2)).toBeUndefined();
  });

  it("interrupted, is begun anew and has one outcome", async () => {
    refuseOnce = true;
    session = await world.session(world.registrar);
    await until(() => posted.length === 1 && !refuseOnce);
    const roles = await session.roles();
    await until(() => roles.sealing.value === null);
    posted.length = 0;

    await roles.renewDue();

    expect(posted).toHaveLength(1);
    expect(session.ground.trust.directory.principal(role.id).generation).toBe(2);
  });
});

describe("A new role", () => {
  it("is sealed to colleagues alone: not to another hospital's person, not to a role, whoever names them", async () => {
    const falk = await world.member("Dr. Falk", true, await world.partner());
    session = await world.session(world.registrar);
    const roles = await session.roles();
    for (const eligible of [[adler.id, falk.id], [role.id]]) {
      await expect(roles.create({ name: "ICU", unit: null, categories: [], eligible })).rejects.toMatchObject({ code: "statement.no_chain" });
    }
    expect(world.calls.filter(({ method, path }) => method === "POST" && path === "/roles")).toEqual([]);
  });
});

describe("A former seed", () => {
  it("is handed on by who was eligible before, under the present one", async () => {
    const present = await second([adler, brandt]);
    await dutyOf(adler, present.seed, present.statement.h, null);
    const former = b64u(await sealRoleSeed(role.seed, adler.keys.kem.publicKey, firstStatement()));
    world.before.set(`GET /duty/${role.id}/seals`, () => ({ body: { results: [{ generation: 1, sealed: former }] } }));
    const handed: { generation: number; history: string }[] = [];
    world.before.set(`POST /duty/${role.id}/history`, (body) => {
      handed.push(body as { generation: number; history: string });
      return { body: { generation: 2 } };
    });

    session = await world.session(adler);
    await session.office.mending;

    expect(handed).toHaveLength(1);
    expect(handed[0]?.generation).toBe(2);
    expect(await openHistory(present.seed, role.id, 1, unb64u(handed[0]?.history ?? ""))).toEqual(role.seed);
    await session.office.refreshDuty();
    await session.office.mending;
    // Nothing has changed: it is not asked for again.
    expect(world.calls.filter(({ path }) => path.endsWith("/seals"))).toHaveLength(1);
  });

  it("reaches who came later", async () => {
    const present = await second([adler, brandt]);
    await dutyOf(brandt, present.seed, present.statement.h, b64u(await sealHistory(present.seed, role.id, 1, role.seed)));

    session = await world.session(brandt);

    expect(session.ground.ring.roleSeed(role.id, 1)).toEqual(role.seed);
    expect(session.ground.ring.kem(role.id, await keyId((await principalKeys(role.seed)).kem.publicKey))).toBeDefined();
  });

  it("that no registrar stated is not taken, and the present one holds all the same", async () => {
    const present = await second([adler, brandt]);
    await dutyOf(brandt, present.seed, present.statement.h, b64u(await sealHistory(present.seed, role.id, 1, random(32))));
    world.before.set(`GET /duty/${role.id}/seals`, () => ({ body: { results: [] } }));

    session = await world.session(brandt);
    await session.office.mending;

    expect(session.ground.ring.roleSeed(role.id, 1)).toBeUndefined();
    expect(session.ground.ring.roleSeed(role.id, 2)).toEqual(present.seed);
  });
});

describe("A conversation on the screen", () => {
  it("gets its next epoch when the role's keys are new, and messages do not wait for it", async () => {
    session = await world.session(adler);
    const conversation = await session.sending.startDirect(brandt.id);
    const place = world.conversations.get(conversation);
    place?.members.push(role.id);
    await session.inbox.sync();
    session.conversations.messages(conversation).subscribe(() => undefined);
    await until(() => place?.epochs.length === 2);
    const present = await second([adler]);
    await dutyOf(adler, present.seed, present.statement.h, b64u(await sealHistory(present.seed, role.id, 1, role.seed)));

    await session.sending.send(conversation, { t: "text", text: "dringend" }, { priority: "urgent", role: null });
    await until(() => place?.messages.length === 1);
    expect(place?.messages[0]?.epoch).toBe(2);
    await session.resync();
    await session.refreshDirectory();
    await session.sending.keepHouse(conversation);

    await until(() => place?.epochs.length === 3);
    const { to } = JSON.parse(text(place?.epochs[2]?.h ?? "")) as { to: [string, string][] };
    const { kem } = await principalKeys(present.seed);
    expect(to.find(([principal]) => principal === role.id)?.[1]).toBe(b64u(await keyId(kem.publicKey)));
  });
});
