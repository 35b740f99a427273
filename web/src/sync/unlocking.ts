/**
 * From a passkey, or the hospital's own sign-in service, to the keys in memory.
 *
 * Invariant: a seed opens only with a secret of this device (or the printed code) and a share the server gives to a device that is signed in
 * and not revoked.
 */
import { b64u, type Bytes, equal, parseRecoveryCode, random, sha256, sign, timestamp, unb64u, wrapSeed } from "../crypto";
import type { AccountRow, DeviceRow } from "../store";
import type { Api } from "./api";
import { localSecret, openNewest } from "./enrolment";
import { generationsOf, Keyring } from "./keyring";
import { type OptionsJson, type Passkey, secretOf, usePasskey } from "./passkeys";
import type { SessionWire, UnlockWire } from "./wire";

export interface Unlocked {
  session: SessionWire;
  ring: Keyring;
}

type Wrap = UnlockWire["wraps"][number];

/** Signs in by what the hospital's sign-in service proved, and opens the seed with what this device has. */
export async function unlockFromProvider(api: Api, device: DeviceRow, account: AccountRow, challenge: string): Promise<Unlocked> {
  const session = await signIn(api, device, unb64u(challenge), { sso: true });
  const { seed, generation, rows } = await openSignedIn(api, device, account);
  return { session, ring: await Keyring.of(ownerOf(device, account), seed, generation, rows) };
}

/** The person's newest seed, for who is signed in: by what this device has. Throws `wrap.unreadable`. */
export async function openSignedIn(api: Api, device: DeviceRow, account: AccountRow) {
  const { wraps, keys } = await api.get<UnlockWire>("/session/unlock");
  const secret = device.secret ? null : await secretOf(account.credential);
  const opened = secret
    ? await openBy("passkey", wraps.filter((wrap) => isSame(wrap.credential_id, account.credential)), secret, account.person)
    : await openLocally(wraps, device, account.person);
  return { ...opened, rows: generationsOf(keys) };
}

/** Signs in with the passkey and opens the seed; with `code`, by the recovery code instead of the passkey's secret. */
export async function unlock(api: Api, device: DeviceRow, account: AccountRow, code: string | null): Promise<Unlocked> {
  const recovery = code === null ? null : parseRecoveryCode(code);
  await api.get("/session");
  const { publicKey } = await api.post<{ publicKey: OptionsJson }>("/session/options");
  const passkey = await usePasskey(publicKey, account.credential);
  const session = await signIn(api, device, passkey.challenge, { credential: passkey.credential });
  const { wraps, keys } = await api.get<UnlockWire>(`/session/unlock${recovery ? "?by=recovery" : ""}`);
  const { seed, generation } = recovery
    ? await openBy("recovery", wraps, recovery, account.person)
    : await openByDevice(api, wraps, passkey, device, account.person);
  return { session, ring: await Keyring.of(ownerOf(device, account), seed, generation, generationsOf(keys)) };
}

export function ownerOf({ id, privateKey, publicKey }: DeviceRow, { person, hospital }: AccountRow) {
  return { person, hospital, device: id, deviceKey: { privateKey, publicKey } };
}

/** `proof`: a passkey's assertion, or that the session holds one of the hospital's sign-in service. */
async function signIn(api: Api, device: DeviceRow, challenge: Bytes, proof: { credential: object } | { sso: true }): Promise<SessionWire> {
  const { deviceKey } = ownerOf(device, { person: "", hospital: "" } as AccountRow);
  const signature = b64u(await sign(deviceKey, "wardline/1 sign-in", await sha256(challenge)));
  return api.post<SessionWire>("/session", { ...proof, device: device.id, signature, at: timestamp() });
}

async function openByDevice(api: Api, wraps: Wrap[], passkey: Passkey, device: DeviceRow, person: string) {
  const ofThisPasskey = wraps.filter(({ kind, credential_id }) => kind === "passkey" && isSame(credential_id, passkey.id));
  if (passkey.secret && ofThisPasskey.length > 0) return openBy("passkey", ofThisPasskey, passkey.secret, person);
  const opened = await openLocally(wraps, device, person);
  // PRF was not there at enrolment and is now: from here on the passkey alone is enough.
  if (passkey.secret) await addPasskeyWrap(api, passkey.id, passkey.secret, opened.seed, person);
  return opened;
}

async function openLocally(wraps: Wrap[], device: DeviceRow, person: string) {
  const ofThisDevice = wraps.filter((wrap) => wrap.kind === "device" && (wrap.device === null || wrap.device === device.id));
  return openBy("device", ofThisDevice, await localSecret(device), person);
}

async function addPasskeyWrap(api: Api, credential: string, secret: Bytes, seed: Bytes, person: string): Promise<void> {
  const share = random(32);
  const wrap = b64u(await wrapSeed("passkey", seed, secret, share, person));
  await api.post("/session/wraps", { kind: "passkey", credential_id: credential, wrap, share: b64u(share) });
}

function openBy(kind: Wrap["kind"], wraps: Wrap[], secret: Bytes, person: string): Promise<{ seed: Bytes; generation: number }> {
  return openNewest(kind, wraps.filter((wrap) => wrap.kind === kind), secret, person);
}

function isSame(a: string | null, b: string): boolean {
  return a !== null && equal(unb64u(a), unb64u(b));
}
