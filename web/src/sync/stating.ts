/** A statement signed with this person's own key, present or next, after the latest of its line (docs/protocol.md section 4). */
import { type Bodies, type Bytes, equal, makeStatement, parseRecoveryCode, ProtocolError, rootKey, type SigningKey, type StatementKind, type StatementOf, timestamp } from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";

export async function state<K extends StatementKind>(
  { ring, trust }: Ground, kind: K, subject: string, body: Bodies[K], key: SigningKey = ring.own.sign,
): Promise<StatementOf<K>> {
  const prev = trust.directory.latest(kind, subject)?.digest ?? null;
  return makeStatement({ kind, hospital: ring.hospital, subject, body, by: ring.person, at: timestamp(), prev }, key);
}

/**
 * One signed by the hospital's root, which exists here while it signs, made of the printed code `typed`, and handed in. `pinned` is the root's public key.
 * Throws `ApiError` `root.wrong_code`.
 */
export async function stateByRoot<K extends StatementKind>(
  { ring, trust }: Ground, pinned: Bytes, typed: string, path: string, kind: K, subject: string, body: Bodies[K],
): Promise<void> {
  const root = await rootKey(codeOf(typed));
  if (!equal(root.publicKey, pinned)) throw new ApiError(400, { code: "root.wrong_code", detail: "" });
  await trust.refresh();
  const prev = trust.directory.latest(kind, subject)?.digest ?? null;
  await trust.state(path, await makeStatement({ kind, hospital: ring.hospital, subject, body, by: ring.hospital, at: timestamp(), prev }, root));
}

function codeOf(typed: string): Bytes {
  try {
    return parseRecoveryCode(typed);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ApiError(400, { code: "root.wrong_code", detail: "" });
  }
}
