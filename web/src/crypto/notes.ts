/**
 * Signed heads of the logs of statements (docs/protocol.md section 4.1): C2SP checkpoints, and their short form in an epoch's header.
 *
 * Invariant: a `SignedHead` is well formed; whether the service's key signed it is for `verifyHead`.
 */
import { type Bytes, concat, equal, labelled, sha256, utf8 } from "./encoding";
import { ProtocolError } from "./errors";
import { fingerprintOf, verifyText } from "./keys";

/** Size and root of a hospital's log, and the service's Ed25519 signature over the checkpoint that says so. */
export interface SignedHead { hospital: string; size: number; root: Bytes; signature: Bytes }

/** What heads are checked with. `base` and the hospital's id are the log's origin. */
export interface LogKey { base: string; public: Bytes }

/** Throws `signature.invalid`. */
export async function verifyHead(head: SignedHead, key: LogKey): Promise<void> {
  await verifyText(key.public, head.signature, textOf(head, key));
}

/**
 * A checkpoint of this hospital's log, with the signature that `key` made; other keys' lines are passed over. Throws `header.malformed`,
 * `encoding.not_canonical`, `signature.invalid`.
 */
export async function parseNote(note: string, hospital: string, key: Bytes): Promise<{ head: SignedHead; key: LogKey }> {
  const end = note.indexOf("\n\n");
  const [text, lines] = end < 0 ? [note, ""] : [note.slice(0, end), note.slice(end + 2)];
  const [origin = "", size = "", root = ""] = text.split("\n");
  if (!origin.endsWith(hospital) || !/^[0-9]+$/.test(size)) throw new ProtocolError("header.malformed", "not a checkpoint of this log");
  const logKey = { base: origin.slice(0, origin.length - hospital.length), public: key };
  const keyId = (await sha256(concat(utf8(`${origin}\n`), Uint8Array.of(1), key))).slice(0, 4);
  const signatures = lines.split("\n").flatMap((line) => signatureOf(line, origin));
  const signature = signatures.find((each) => equal(each.slice(0, 4), keyId))?.slice(4) ?? new Uint8Array();
  const head = { hospital, size: Number(size), root: base64(root), signature };
  if (textOf(head, logKey) !== `${text}\n`) throw new ProtocolError("header.malformed", "not a checkpoint");
  await verifyHead(head, logKey);
  return { head, key: logKey };
}

/** Six groups of five digits of a head, for two people to compare (section 4.1). */
export async function headFingerprint({ size, root }: { size: number; root: Bytes }): Promise<string> {
  const count = new DataView(new ArrayBuffer(8));
  count.setBigUint64(0, BigInt(size));
  return fingerprintOf(await sha256(labelled("wardline/1 head", new Uint8Array(count.buffer), root)));
}

function textOf({ hospital, size, root }: SignedHead, { base }: LogKey): string {
  return `${base}${hospital}\n${size}\n${btoa(String.fromCharCode(...root))}\n`;
}

function signatureOf(line: string, origin: string): Bytes[] {
  const [, name, encoded = ""] = line.split(" ");
  return name === origin ? [base64(encoded)] : [];
}

function base64(text: string): Bytes {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new ProtocolError("encoding.not_canonical", "base64");
  }
}
