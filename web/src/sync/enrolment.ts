/**
 * How a browser becomes a device: by invitation (a new person) or by the printed code. A further device is made in `linking.ts`, a hospital in `founding.ts`.
 *
 * Invariant: seeds and device keys are made or opened here and leave only wrapped; the server gets the invitation's token, never what
 * follows it in the fragment.
 */
import {
  b64u, type Bytes, formatRecoveryCode, makeDeviceKey, makeProfile, makeStatement, parseLinkOf, parseRecoveryCode, type PrincipalKeys, type Profile,
  principalKeys, ProtocolError, random, type SigningKey, signPin, timestamp, unb64u, unwrapSeed, type WrapKind, wrapSeed,
} from "../crypto";
import type { AccountRow, DeviceRow } from "../store";
import { type Api, ApiError } from "./api";
import { createPasskey, type OptionsJson, type Passkey } from "./passkeys";
import type { SessionWire } from "./wire";

export interface InvitationLook extends Profile {
  hospital: { id: string; name: string };
  person: string;
  /** As the server has it. */
  root: string;
  /** Where the hospital has its own sign-in service. */
  sso: { name: string; is_required: boolean } | null;
}

/** A device that has just become one, its seed still in memory. */
export interface Enrolled {
  session: SessionWire;
  device: DeviceRow;
  account: AccountRow;
  seed: Bytes;
  generation: number;
  recoveryCode: string | null;
}

export interface NewDevice { id: string; key: SigningKey }

interface RecoveryWire { person: string; hospital: { id: string; name: string }; wraps: { wrap: string; share: string; generation: number }[] }

interface WrapWire { kind: "passkey" | "device" | "recovery"; wrap: string; share: string }

/** Who a device belongs to, and the keys that say so. */
export interface Belonging { person: string; hospital: string; seed: Bytes; keys: PrincipalKeys }

export async function lookAtInvitation(api: Api, address: string): Promise<InvitationLook> {
  const { token, value: root } = parseLinkOf("join", address);
  await api.get("/session");
  const look = await api.post<InvitationLook>("/invitations/look", { token });
  // A code that was tampered with, or a server that is about to show us another hospital: nobody joins either.
  if (look.root !== b64u(root)) throw new ProtocolError("statement.no_chain", "another root");
  return look;
}

export async function join(api: Api, address: string, label: string): Promise<Enrolled> {
  const { token, value: root } = parseLinkOf("join", address);
  const look = await lookAtInvitation(api, address);
  const seed = random(32);
  const keys = await principalKeys(seed);
  const belonging = { person: look.person, hospital: look.hospital.id, seed, keys };
  const passkey = await passkeyFor(api, token, "join");
  const { device, wire } = await makeDevice(belonging, passkey, label);
  const recovery = random(16);
  const { name, title, profession, speciality, unit } = look;
  const session = await enrol(api, {
    token,
    purpose: "join",
    credential: passkey.credential,
    device: wire.device,
    statement: wire.statement,
    wraps: [wire.wrap, await wrapped("recovery", belonging, recovery)],
    pin: await pinned(belonging, root),
    keys: {
      kem: b64u(keys.kem.publicKey),
      sign: b64u(keys.sign.publicKey),
      profile: b64u(makeProfile({ name, title, profession, speciality, unit })),
    },
  });
  const account = accountOf(belonging, look.hospital.name, root, passkey.id, session);
  return { session, device, account, seed, generation: 1, recoveryCode: formatRecoveryCode(recovery) };
}

/** All devices lost: a registrar's link and the printed code. The code is spent with it; the next one is in the answer. Throws `wrap.unreadable`. */
export async function recoverBy(api: Api, address: string, typed: string, label: string): Promise<Enrolled> {
  const code = parseRecoveryCode(typed);
  const { token, value: root } = parseLinkOf("recover", address);
  await api.get("/session");
  const { person, hospital, wraps } = await api.post<RecoveryWire>("/recoveries/open", { token });
  const { seed, generation } = await openNewest("recovery", wraps, code, person);
  const belonging = { person, hospital: hospital.id, seed, keys: await principalKeys(seed) };
  const passkey = await passkeyFor(api, token, "recover");
  const { device, wire } = await makeDevice(belonging, passkey, label);
  const { device: stated, statement, wrap } = wire;
  const next = random(16);
  const kept = [wrap, await wrapped("recovery", belonging, next)];
  const pin = await pinned(belonging, root);
  const session = await enrol(api, { token, purpose: "recover", credential: passkey.credential, device: stated, statement, wraps: kept, pin });
  const account = accountOf(belonging, hospital.name, root, passkey.id, session);
  return { session, device, account, seed, generation, recoveryCode: formatRecoveryCode(next) };
}

/** The seed of the newest of these wraps that opens. Throws `wrap.unreadable`. */
export async function openNewest(
  kind: WrapKind, wraps: readonly { wrap: string; share: string; generation: number }[], secret: Bytes, person: string,
): Promise<{ seed: Bytes; generation: number }> {
  for (const { wrap, share, generation } of [...wraps].sort((a, b) => b.generation - a.generation)) {
    const seed = await unwrapSeed(kind, unb64u(wrap), secret, unb64u(share), person).catch(() => null);
    if (seed) return { seed, generation };
  }
  throw new ProtocolError("wrap.unreadable", kind);
}

export async function passkeyFor(api: Api, token: string, purpose: "join" | "link" | "recover" | "setup"): Promise<Passkey> {
  const { publicKey } = await api.post<{ publicKey: OptionsJson }>("/enrolment/options", { token, purpose });
  return createPasskey(publicKey);
}

/** An answer lost on the way must not lose the invitation: if the server has the device by now, it is done; else the same request again. */
export async function enrol(api: Api, body: { device: { id: string }; [more: string]: unknown }, path = "/enrolment"): Promise<SessionWire> {
  const key = crypto.randomUUID();
  for (let attempt = 1; ; attempt++) {
    try {
      return await api.post<SessionWire>(path, body, key);
    } catch (error) {
      if (!(error instanceof ApiError && error.isPassing) || attempt === 4) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
      const session = await api.get<SessionWire>("/session").catch(onlyPassing);
      if (session?.device === body.device.id) return session;
    }
  }
}

function onlyPassing(error: unknown): null {
  if (error instanceof ApiError && error.isPassing) return null;
  throw error;
}

/** `made`: the device was made before, for being compared. */
export async function makeDevice(belonging: Belonging, passkey: Passkey, label: string, made?: NewDevice) {
  const { person, hospital, keys } = belonging;
  const { id, key } = made ?? { id: crypto.randomUUID(), key: await makeDeviceKey() };
  const statement = await makeStatement(
    { kind: "device", hospital, subject: id, body: { principal: person, sign: key.publicKey }, by: person, at: timestamp() },
    keys.sign,
  );
  const local = passkey.secret ? null : await makeLocalSecret();
  const wrap = passkey.secret ? await wrapped("passkey", belonging, passkey.secret) : await wrapped("device", belonging, local?.plain ?? random(32));
  const wire = {
    device: { id, label, public_key: b64u(key.publicKey) },
    statement: { h: b64u(statement.h), s: b64u(statement.s) },
    wrap,
  };
  return { device: deviceRow(id, label, key, local), wire };
}

function deviceRow(id: string, label: string, key: SigningKey, local: LocalSecret | null): DeviceRow {
  const { privateKey, publicKey } = key;
  return { id, label, privateKey, publicKey, secretKey: local?.key ?? null, secret: local && { nonce: local.nonce, sealed: local.sealed } };
}

export async function wrapped(kind: WrapWire["kind"], { seed, person }: Belonging, secret: Bytes): Promise<WrapWire> {
  const share = random(32);
  return { kind, wrap: b64u(await wrapSeed(kind, seed, secret, share, person)), share: b64u(share) };
}

/** The person's own word about the hospital's root, for a later device that has nothing but the passkey. */
export async function pinned({ hospital, keys }: Belonging, root: Bytes): Promise<string> {
  return b64u(await signPin(keys.sign, hospital, root));
}

export function accountOf({ person, hospital }: Belonging, hospitalName: string, root: Bytes, credential: string, session: SessionWire): AccountRow {
  return { person, hospital, hospitalName, credential, idleLockSeconds: session.idle_lock_seconds, pins: [[hospital, root]] };
}

interface LocalSecret { key: CryptoKey; nonce: Bytes; sealed: Bytes; plain: Bytes }

/** For authenticators without PRF: 32 bytes under a key that no script can take out of this browser. */
async function makeLocalSecret(): Promise<LocalSecret> {
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const [plain, nonce] = [random(32), random(12)];
  const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv: nonce }, key, plain));
  return { key, nonce, sealed, plain };
}

/** Throws `wrap.unreadable` if this device has none. */
export async function localSecret({ secretKey, secret }: DeviceRow): Promise<Bytes> {
  if (!secretKey || !secret) throw new ProtocolError("wrap.unreadable", "no local secret");
  return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv: secret.nonce }, secretKey, secret.sealed));
}
