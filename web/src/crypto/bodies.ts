/**
 * What a message says once it is open (docs/protocol.md section 7).
 *
 * Invariant: a known type has exactly its members; an unknown type is something to show, not an error.
 */
import { b64u, type Bytes } from "./encoding";
import { ProtocolError } from "./errors";
import {
  anyObject, bytes, type Check, day, headerBytes, integer, type JsonObject, MAX_HEADER_BYTES, object, oneOf, parseJson, text, uuid,
} from "./headers";

export interface TextBody { t: "text"; text: string }
export interface ImageBody {
  t: "image";
  attachment: string;
  key: Bytes;
  /** Plaintext bytes. */
  size: number;
  type: "image/jpeg" | "image/png";
  width: number;
  height: number;
  caption: string;
}
export interface IdentityBody {
  t: "identity";
  family: string;
  given: string;
  birthDate: string;
  sex: "female" | "male" | "other" | "unknown";
  note: string;
}
export interface AckBody { t: "ack"; of: string }
export interface SystemBody { t: "system"; event: string; detail: JsonObject }
/** A type of a newer version. */
export interface UnknownBody { t: "unknown"; type: string }
export type KnownBody = TextBody | ImageBody | IdentityBody | AckBody | SystemBody;
export type Body = KnownBody | UnknownBody;

const SHAPES: { [T in KnownBody["t"]]: Check<Extract<KnownBody, { t: T }>> } = {
  text: object<TextBody>({ t: oneOf("text"), text }),
  image: object<ImageBody>({
    t: oneOf("image"),
    attachment: uuid,
    key: bytes(32),
    size: integer(0),
    type: oneOf("image/jpeg", "image/png"),
    width: integer(1),
    height: integer(1),
    caption: text,
  }),
  identity: object<IdentityBody>({
    t: oneOf("identity"),
    family: text,
    given: text,
    birthDate: day,
    sex: oneOf("female", "male", "other", "unknown"),
    note: text,
  }),
  ack: object<AckBody>({ t: oneOf("ack"), of: uuid }),
  system: object<SystemBody>({ t: oneOf("system"), event: text, detail: anyObject }),
};

/** Throws `message.unreadable` when it is no body at all or a known type is malformed. */
export function parseBody(plain: Bytes): Body {
  try {
    if (plain.length > MAX_HEADER_BYTES) throw new ProtocolError("header.malformed");
    const read = anyObject(parseJson(plain));
    const type = text(read["t"] ?? null);
    return Object.hasOwn(SHAPES, type) ? SHAPES[type as KnownBody["t"]](read) : { t: "unknown", type };
  } catch (error) {
    throw error instanceof ProtocolError ? new ProtocolError("message.unreadable", error.code) : error;
  }
}

/** Throws `message.unreadable` for what the other side would refuse. */
export function formatBody(body: KnownBody): Bytes {
  const plain = headerBytes(body.t === "image" ? { ...body, key: b64u(body.key) } : body);
  parseBody(plain);
  return plain;
}
