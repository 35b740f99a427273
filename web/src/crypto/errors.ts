/** A refusal of protocol `wardline/1`; `code` is one of the stable codes of docs/protocol.md section 11. */
export type ProtocolErrorCode =
  | "encoding.not_canonical"
  | "header.malformed"
  | "header.duplicate_key"
  | "header.unknown_version"
  | "header.unknown_member"
  | "signature.invalid"
  | "wrap.unreadable"
  | "epoch.commitment"
  | "message.unreadable"
  | "image.unreadable"
  | "statement.no_chain"
  | "statement.fork"
  | "statement.revoked"
  | "directory.rolled_back"
  | "directory.split"
  | "directory.withheld"
  | "promise.mismatch"
  | "promise.out_of_time";

export class ProtocolError extends Error {
  readonly code: ProtocolErrorCode;

  constructor(code: ProtocolErrorCode, detail = "") {
    super(detail ? `${code}: ${detail}` : code);
    this.name = "ProtocolError";
    this.code = code;
  }
}

/** Lets a refusal by the protocol be null, and any other error be an error. */
export function onlyProtocol(error: unknown): null {
  if (error instanceof ProtocolError) return null;
  throw error;
}
