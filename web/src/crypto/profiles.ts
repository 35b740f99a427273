/**
 * The name a registrar signed, kept outside the statement so that it can be erased (docs/protocol.md section 4).
 *
 * Invariant: a name is shown only if its digest is in the statement.
 */
import { b64u, type Bytes, equal, labelled, random, sha256 } from "./encoding";
import { ProtocolError } from "./errors";
import { bytes, headerBytes, parseObject, text } from "./headers";

export interface Profile {
  name: string;
  title: string;
  profession: string;
  /** A code, or empty: not every profession has one. */
  speciality: string;
  unit: string;
}

/** Profile bytes; the salt keeps the digest from being guessed once the name is erased. */
export function makeProfile(profile: Profile, salt: Bytes = random(16)): Bytes {
  const { name, title, profession, speciality, unit } = profile;
  return headerBytes({ salt: b64u(salt), name, title, profession, speciality, unit });
}

export async function profileDigest(profile: Bytes): Promise<Bytes> {
  return sha256(labelled("wardline/1 profile", profile));
}

/** Throws `statement.no_chain` for other bytes than the signed ones, or a `header` code. */
export async function openProfile(profile: Bytes, digest?: Bytes): Promise<Profile> {
  if (digest && !equal(await profileDigest(profile), digest)) throw new ProtocolError("statement.no_chain", "not the signed profile");
  const { salt: _salt, ...read } = parseObject<Profile & { salt: Bytes }>(profile, {
    salt: bytes(16),
    name: text,
    title: text,
    profession: text,
    speciality: text,
    unit: text,
  });
  return read;
}
