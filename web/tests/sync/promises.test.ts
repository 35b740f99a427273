import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { b64u, type Bytes, needDigest, parseAcceptance, parseOffer, sha256, sign, type SigningKey, unb64u, utf8, verifyAcceptance, verifyOffer } from "../../src/crypto";
import type { OpenedSession } from "../../src/sync/opened";
import type { BedRequest, BoardUnit, Candidate, SignedWire } from "../../src/sync/types";
import { read } from "../vectors/vectors";
import { type Somebody, World } from "./world";

const UNIT = { capacity: crypto.randomUUID(), unit: crypto.randomUUID(), category: "icu-high" } as BoardUnit;
const ELSEWHERE = crypto.randomUUID();

let world: World;
let adler: Somebody;
let brandt: Somebody;
let role: string;
let session: OpenedSession;
let request: BedRequest;
let candidate: Candidate;
let posted: Record<string, unknown>[];

/** Adler of a hospital elsewhere asks ours; Brandt, who holds the role, offers. */
beforeEach(async () => {
  world = await World.make();
  adler = await world.member("Dr. Adler");
  brandt = await world.member("Dr. Brandt");
  role = (await world.role("Intensivkoordination", brandt)).id;
  candidate = { id: crypto.randomUUID(), hospital: world.hospital, role, state: "acknowledged", actions: ["hold"], offer: null, alarms: [] } as unknown as Candidate;
  request = {
    id: crypto.randomUUID(), origin: ELSEWHERE, requester: adler.id, software: "", role: null, category: "icu-high", capabilities: ["niv", "crrt"], urgency: "stat", age_band: "adult", sex: "",
    transport_mode: "air", created_at: "", closed_at: null, candidates: [candidate],
  } as unknown as BedRequest;
  posted = [];
  world.before.set("GET /requests", () => ({ body: { results: [request], next: null } }));
  world.before.set("GET /board", () => ({ body: { hospitals: [{ hospital: world.hospital, distance_km: 0, roles: [], units: [UNIT] }] } }));
  world.before.set("POST /candidates/", (body) => { posted.push(body as Record<string, unknown>); return { body: candidate }; });
});

afterEach(() => {
  session.close();
  vi.unstubAllGlobals();
});

const header = (signed: unknown): Bytes => unb64u((signed as SignedWire).h);
const given = (signed: unknown) => ({ h: header(signed), s: unb64u((signed as SignedWire).s) });

async function offered(): Promise<SignedWire> {
  session = await world.session(brandt);
  await session.requests.act(candidate, "hold", { role, capacity: UNIT.capacity, holdMinutes: 15 });
  session.close();
  return posted.pop()?.["offer"] as SignedWire;
}

/** The offer with other members, signed by `key`. */
async function forged(offer: SignedWire, key: SigningKey, members: object = {}): Promise<SignedWire> {
  const h = utf8(JSON.stringify({ ...(JSON.parse(new TextDecoder().decode(header(offer))) as object), ...members }));
  return { h: b64u(h), s: b64u(await sign(key, "wardline/1 sig-offer", await sha256(h))) };
}

async function confirming(offer: SignedWire | null): Promise<void> {
  request = { ...request, candidates: [{ ...candidate, state: "held", actions: ["confirm"], offer } as Candidate] };
  session = await world.session(adler);
  await session.requests.act({ ...candidate, offer } as Candidate, "confirm", { role: null });
}

describe("a hold", () => {
  test("is what the device signs, and the body names nothing beside it", async () => {
    session = await world.session(brandt);
    await session.requests.act(candidate, "hold", { role, capacity: UNIT.capacity, holdMinutes: 60 });

    const [body] = posted;
    const { need, by, device, at, ...offer } = parseOffer(header(body?.["offer"]));
    await verifyOffer(given(body?.["offer"]), brandt.deviceKey.publicKey);
    expect(Object.keys(body ?? {}).sort()).toEqual(["offer", "role"]);
    expect(offer).toMatchObject({ request: request.id, candidate: candidate.id, origin: ELSEWHERE, destination: world.hospital, ...UNIT, bed: null, minutes: 60, role });
    expect([by, device, b64u(need)]).toEqual([brandt.id, brandt.device, b64u(await needDigest(request))]);
    expect(Math.abs(Date.parse(at) - Date.now())).toBeLessThan(60_000);
  });

  test("is dated by the service's clock, however wrong the phone's is", async () => {
    world.clockAhead = 3 * 3_600_000;
    const { at } = parseOffer(header(await offered()));

    expect(Math.abs(Date.parse(at) - Date.now() - world.clockAhead)).toBeLessThan(60_000);
  });
});

describe("a confirm", () => {
  test("accepts the offer that was proved", async () => {
    const offer = await offered();
    await confirming(offer);

    const acceptance = parseAcceptance(header(posted[0]?.["acceptance"]));
    await verifyAcceptance(given(posted[0]?.["acceptance"]), adler.deviceKey.publicKey);
    expect(b64u(acceptance.offer)).toBe(b64u(await sha256(header(offer))));
    expect(acceptance).toMatchObject({ request: request.id, candidate: candidate.id, by: adler.id, role: null });
  });

  test.each([
    ["no offer", () => null, "promise.mismatch"],
    ["another need", async (offer: SignedWire) => { request = { ...request, urgency: "routine" }; return Promise.resolve(offer); }, "promise.mismatch"],
    ["another candidate", (offer: SignedWire) => forged(offer, brandt.deviceKey, { candidate: crypto.randomUUID() }), "promise.mismatch"],
    ["another hospital", (offer: SignedWire) => forged(offer, brandt.deviceKey, { destination: ELSEWHERE }), "promise.mismatch"],
    ["the server's own signature", (offer: SignedWire) => forged(offer, adler.deviceKey), "signature.invalid"],
    ["a colleague who may not act in the role", (offer: SignedWire) => forged(offer, adler.deviceKey, { by: adler.id, device: adler.device }), "statement.no_chain"],
    ["a device nobody stated", (offer: SignedWire) => forged(offer, brandt.deviceKey, { device: crypto.randomUUID() }), "statement.no_chain"],
  ] as const)("signs nothing before %s", async (_, change, code) => {
    const offer = await change(await offered());

    await expect(confirming(offer)).rejects.toMatchObject({ code });
    expect(posted).toEqual([]);
  });

  test("signs nothing for a device that is revoked", async () => {
    const offer = await offered();
    await world.state("device-revoked", brandt.device, { principal: brandt.id, reason: "lost" }, brandt.id, brandt.keys.sign);

    await expect(confirming(offer)).rejects.toMatchObject({ code: "statement.revoked" });
    expect(posted).toEqual([]);
  });
});

describe("a receipt", () => {
  test("that the own root does not prove is not shown, and is asked for again", async () => {
    session = await world.session(brandt);
    const [whole] = read("receipts")["receipts"] as Record<string, unknown>[];
    const said = read("receipts")["statements"] as object[];
    const { acceptance, need, offer, roots, statements } = whole as { acceptance: object; need: object; offer: object; roots: Record<string, string>; statements: number[] };
    const sorted = Object.fromEntries(Object.entries(roots).sort(([a], [b]) => (a < b ? -1 : 1)));
    const text = JSON.stringify({ acceptance, format: "wardline-receipt/1", need, offer, roots: sorted, statements: statements.map((place) => said[place]) });
    let asked = 0;
    world.before.set("GET /candidates/", () => { asked += 1; return { body: new Blob([text]) }; });

    for (let i = 0; i < 2; i++) await expect(session.requests.promises.receipt(candidate.id)).rejects.toMatchObject({ code: "statement.no_chain" });
    expect(asked).toBe(2);
  });
});
