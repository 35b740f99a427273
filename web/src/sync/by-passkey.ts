/**
 * A new device by a synced passkey alone, where the hospital allows it (docs/protocol.md section 3.4).
 *
 * Invariant: the root is believed because the person's own key, which only the passkey opens, has signed it; the service's word is not enough.
 */
import { b64u, principalKeys, ProtocolError, sha256, sign, unb64u, verifyPin } from "../crypto";
import type { Api } from "./api";
import { accountOf, enrol, type Enrolled, makeDevice, openNewest } from "./enrolment";
import { type OptionsJson, usePasskey } from "./passkeys";

interface OpenedWire {
  person: string;
  hospital: { id: string; name: string };
  root: string;
  pin: string;
  grant: string;
  wraps: { wrap: string; share: string; generation: number }[];
}

/** Throws `ApiError` 403 `passkey.not_enough`, `passkey.not_synced`, `passkey.no_copy`; `wrap.unreadable`, `signature.invalid`. */
export async function addByPasskey(api: Api, label: string): Promise<Enrolled> {
  await api.get("/session");
  const { publicKey } = await api.post<{ publicKey: OptionsJson }>("/session/options");
  const passkey = await usePasskey(publicKey, null);
  const opened = await api.post<OpenedWire>("/passkeys/open", { credential: passkey.credential });
  if (!passkey.secret) throw new ProtocolError("wrap.unreadable", "no prf");
  const { person, hospital } = opened;
  const { seed, generation } = await openNewest("passkey", opened.wraps, passkey.secret, person);
  const [keys, root] = [await principalKeys(seed), unb64u(opened.root, 32)];
  await verifyPin(keys.sign.publicKey, hospital.id, root, unb64u(opened.pin, 64));
  const belonging = { person, hospital: hospital.id, seed, keys };
  const { device, wire } = await makeDevice(belonging, passkey, label);
  const signature = b64u(await sign(device, "wardline/1 by-passkey", await sha256(unb64u(opened.grant))));
  const session = await enrol(api, { credential_id: passkey.id, device: wire.device, statement: wire.statement, signature }, "/passkeys/device");
  return { session, device, account: accountOf(belonging, hospital.name, root, passkey.id, session), seed, generation, recoveryCode: null };
}
