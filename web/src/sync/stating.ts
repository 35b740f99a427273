/** A statement signed with this person's own key, present or next, after the latest of its line (docs/protocol.md section 4). */
import { type Bodies, makeStatement, type SigningKey, type StatementKind, type StatementOf, timestamp } from "../crypto";
import type { Ground } from "./epochs";

export async function state<K extends StatementKind>(
  { ring, trust }: Ground, kind: K, subject: string, body: Bodies[K], key: SigningKey = ring.own.sign,
): Promise<StatementOf<K>> {
  const prev = trust.directory.latest(kind, subject)?.digest ?? null;
  return makeStatement({ kind, hospital: ring.hospital, subject, body, by: ring.person, at: timestamp(), prev }, key);
}
