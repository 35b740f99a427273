/**
 * A hospital's first hour: its root and its first registrar (docs/protocol.md sections 3 and 4).
 *
 * Invariant: the root key exists here while it signs its two statements, and after that on paper alone; nothing is told to the server before
 * both codes have been shown.
 */
import {
  b64u, type Bodies, type Bytes, formatRecoveryCode, makeProfile, makeStatement, parseSetup, principalKeys, profileDigest, random, rootFingerprint, rootKey, type SigningKey,
  type StatementKind, timestamp,
} from "../crypto";
import type { Api } from "./api";
import { accountOf, enrol, type Enrolled, makeDevice, passkeyFor, pinned, wrapped } from "./enrolment";

/** A hospital that waits for its root. `rootCode` goes into the safe, `recoveryCode` home with the registrar; both are shown once. */
export interface Founding {
  token: string;
  hospital: { id: string; name: string };
  person: string;
  root: Bytes;
  rootCode: string;
  /** What another hospital's registrar compares by telephone. */
  rootFingerprint: string;
  recovery: Bytes;
  recoveryCode: string;
}

export interface Founder { name: string; title: string; profession: string }

/** Makes both codes. Throws `ApiError` 404 for an address that was used or is over. */
export async function beginFounding(api: Api, address: string): Promise<Founding> {
  const token = parseSetup(address);
  await api.get("/session");
  const { hospital, person } = await api.post<Pick<Founding, "hospital" | "person">>("/setup/look", { token });
  const [root, recovery] = [random(16), random(16)];
  const shown = await rootFingerprint((await rootKey(root)).publicKey);
  return { token, hospital, person, root, rootCode: formatRecoveryCode(root), rootFingerprint: shown, recovery, recoveryCode: formatRecoveryCode(recovery) };
}

/** The hospital is in service from here, and this browser is its first registrar's. */
export async function found(api: Api, founding: Founding, { name, title, profession }: Founder, label: string): Promise<Enrolled> {
  const { token, person, hospital, recovery } = founding;
  const [seed, root] = [random(32), await rootKey(founding.root)];
  const keys = await principalKeys(seed);
  const belonging = { person, hospital: hospital.id, seed, keys };
  const profile = makeProfile({ name, title, profession, speciality: "", unit: "" });
  const passkey = await passkeyFor(api, token, "setup");
  const { device, wire } = await makeDevice(belonging, passkey, label);
  const state = stater(hospital.id);
  const member = { generation: 1, kem: keys.kem.publicKey, sign: keys.sign.publicKey, profile: await profileDigest(profile) };
  const body = {
    token,
    root: await state("root", hospital.id, { sign: root.publicKey }, hospital.id, root),
    registrar: await state("registrar", person, { sign: keys.sign.publicKey }, hospital.id, root),
    member: await state("member", person, member, person, keys.sign),
    credential: passkey.credential,
    device: wire.device,
    statement: wire.statement,
    wraps: [wire.wrap, await wrapped("recovery", belonging, recovery)],
    pin: await pinned(belonging, root.publicKey),
    keys: { kem: b64u(keys.kem.publicKey), sign: b64u(keys.sign.publicKey), profile: b64u(profile) },
  };
  const session = await enrol(api, body, "/setup");
  return { session, device, account: accountOf(belonging, hospital.name, root.publicKey, passkey.id, session), seed, generation: 1, recoveryCode: null };
}

function stater(hospital: string) {
  return async <K extends StatementKind>(kind: K, subject: string, body: Bodies[K], by: string, key: SigningKey) => {
    const { h, s } = await makeStatement({ kind, hospital, subject, body, by, at: timestamp() }, key);
    return { h: b64u(h), s: b64u(s) };
  };
}
