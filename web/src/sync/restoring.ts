/**
 * A new device whose person has neither another one nor the printed code: two officers of the hospital give the seed (docs/protocol.md section 3.6).
 *
 * Invariant: what opens here becomes this device's only if it is the seed of the key that a chain from the link's root proves for this person.
 * The keys it asks with live in this page alone.
 */
import {
  askFingerprint, type Ask, b64u, type Bytes, Directory, equal, formatRecoveryCode, isKeyOf, kemKeyFromSeed, makeAsk, makeDeviceKey, parseDeposit, parseLinkOf, parseStatement,
  principalKeys, ProtocolError, random, restoreSeed, timestamp, unb64u,
} from "../crypto";
import { type Api, ApiError } from "./api";
import { accountOf, enrol, type Enrolled, makeDevice, passkeyFor, pinned, wrapped } from "./enrolment";

const LOOK_AGAIN_MS = 3_000;

interface LookWire { id: string; person: string; hospital: { id: string; name: string } }
interface WaitWire {
  approvals: number;
  handed: { place: number; sealed: string }[];
  deposit: string | null;
  statements: { h: string; s: string }[];
}
/** What the screen shows while officers are on the telephone. */
export interface OfficersAsked { fingerprint: string; approvals: number }

/** Shows the digits to read out and how many officers have agreed; returns, after two, what makes the passkey (its own tap). */
export async function askOfficers(
  api: Api, address: string, label: string, show: (asked: OfficersAsked) => void, signal: AbortSignal,
): Promise<() => Promise<Enrolled>> {
  const { token, value: root } = parseLinkOf("restore", address);
  await api.get("/session");
  const { id, person, hospital } = await api.post<LookWire>("/restorations/look", { token });
  const [made, kem] = [{ id: crypto.randomUUID(), key: await makeDeviceKey() }, kemKeyFromSeed(random(32))];
  const draft = { id, hospital: hospital.id, person, device: made.id, sign: made.key.publicKey, kem: kem.publicKey, at: timestamp() };
  const ask = await makeAsk(draft);
  // The same answer again, should it have been lost on the way: another one would find the link taken.
  await persistently(() => api.post("/restorations/ask", { token, header: b64u(ask.h) }), signal);
  const fingerprint = await askFingerprint(ask);
  const wire = await waitFor(api, { token, device: made.id }, (approvals) => show({ fingerprint, approvals }), signal);
  const handed = new Map(wire.handed.map(({ place, sealed }) => [place, unb64u(sealed)]));
  const seed = await restoreSeed(ask, await parseDeposit(unb64u(wire.deposit ?? "")), kem, handed);
  const generation = await provedGeneration(seed, ask, root, wire.statements);
  return async () => {
    const belonging = { person, hospital: hospital.id, seed, keys: await principalKeys(seed) };
    const passkey = await passkeyFor(api, token, "recover");
    const { device, wire: { device: stated, statement, wrap } } = await makeDevice(belonging, passkey, label, made);
    const next = random(16);
    const wraps = [wrap, await wrapped("recovery", belonging, next)];
    const pin = await pinned(belonging, root);
    const session = await enrol(api, { token, purpose: "recover", credential: passkey.credential, device: stated, statement, wraps, pin });
    const account = accountOf(belonging, hospital.name, root, passkey.id, session);
    return { session, device, account, seed, generation, recoveryCode: formatRecoveryCode(next) };
  };
}

/** That the seed is of the key a registrar of this hospital stated for this person. Throws `statement.no_chain`. */
async function provedGeneration(seed: Bytes, { hospital, person }: Ask, root: Bytes, said: WaitWire["statements"]): Promise<number> {
  const directory = new Directory(new Map([[hospital, root]]));
  await directory.extend(await Promise.all(said.map(({ h, s }) => parseStatement({ h: unb64u(h), s: unb64u(s) }))));
  const { generation, kem, sign } = directory.principal(person);
  const keys = await principalKeys(seed);
  if (!isKeyOf(keys, kem) || !sign || !equal(sign, keys.sign.publicKey)) throw new ProtocolError("statement.no_chain", "not the seed of this person's key");
  return generation;
}

/** Asks until two officers have agreed, over every gap in the network; the attempt's end ends it, and so does `signal`. */
async function waitFor(api: Api, body: object, told: (approvals: number) => void, signal: AbortSignal): Promise<WaitWire> {
  told(0);
  for (;;) {
    const wire = await persistently(() => api.post<WaitWire>("/restorations/wait", body), signal);
    told(wire.approvals);
    if (wire.deposit) return wire;
    await later();
  }
}

/** Tries again as long as it is the network that fails. */
async function persistently<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    const given = await act().catch(passing);
    if (given !== null) return given;
    await later();
  }
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));

function passing(error: unknown): null {
  if (error instanceof ApiError && error.isPassing) return null;
  throw error;
}
