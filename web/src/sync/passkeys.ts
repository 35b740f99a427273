/**
 * Passkeys with the `prf` extension.
 *
 * Invariant: the PRF output stays here and in the wrap it opens. It is part of what the browser calls the extension results, which its own
 * `toJSON()` would send to the server: so the credential is written out here by hand, without them.
 */
import { b64u, type Bytes, PRF_EVAL, random, unb64u } from "../crypto";

/** A credential as the server reads it, and the 32 secret bytes it gave, if it can. */
export interface Passkey {
  credential: object;
  id: string;
  challenge: Bytes;
  secret: Bytes | null;
}

interface OptionsJson {
  challenge: string;
  user?: { id: string; name: string; displayName: string };
  excludeCredentials?: { id: string; type: "public-key"; transports?: AuthenticatorTransport[] }[];
  allowCredentials?: { id: string; type: "public-key"; transports?: AuthenticatorTransport[] }[];
  [more: string]: unknown;
}
interface PrfResults {
  prf?: { enabled?: boolean; results?: { first?: BufferSource } };
}

const EXTENSIONS = { prf: { eval: { first: PRF_EVAL } } } as AuthenticationExtensionsClientInputs;

/** Makes a passkey. An authenticator that says it has PRF but gave no output at creation is asked for one. */
export async function createPasskey(options: OptionsJson): Promise<Passkey> {
  const publicKey = { ...decoded(options), extensions: { ...EXTENSIONS, credProps: true } } as unknown as PublicKeyCredentialCreationOptions;
  const made = (await navigator.credentials.create({ publicKey })) as PublicKeyCredential | null;
  if (!made) throw new DOMException("no credential", "NotAllowedError");
  const answer = made.response as AuthenticatorAttestationResponse;
  const credential = outer(made, {
    clientDataJSON: text(answer.clientDataJSON),
    attestationObject: text(answer.attestationObject),
    transports: answer.getTransports(),
  });
  const secret = prfOf(made) ?? (canPrf(made) ? await askForSecret(made.rawId, options) : null);
  return { credential, id: made.id, challenge: unb64u(options.challenge), secret };
}

/** `id`: the credential of this device. A browser may hold other people's; only this one opens this device. Null: whichever the person chooses. */
export async function usePasskey(options: OptionsJson, id: string | null): Promise<Passkey> {
  const allowCredentials = id === null ? [] : [{ id, type: "public-key" as const }];
  const publicKey = { ...decoded({ ...options, allowCredentials }), extensions: EXTENSIONS } as unknown as PublicKeyCredentialRequestOptions;
  const used = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
  if (!used) throw new DOMException("no credential", "NotAllowedError");
  const answer = used.response as AuthenticatorAssertionResponse;
  const credential = outer(used, {
    clientDataJSON: text(answer.clientDataJSON),
    authenticatorData: text(answer.authenticatorData),
    signature: text(answer.signature),
    userHandle: answer.userHandle && text(answer.userHandle),
  });
  return { credential, id: used.id, challenge: unb64u(options.challenge), secret: prfOf(used) };
}

/** What the passkey alone can give, of this device's own credential: for who is signed in by other means. Throws `NotAllowedError`. */
export async function secretOf(credential: string): Promise<Bytes | null> {
  return (await usePasskey({ challenge: b64u(random(32)), userVerification: "required" }, credential)).secret;
}

/** An assertion for its PRF output alone: nobody checks it, so the challenge is random. */
async function askForSecret(rawId: ArrayBuffer, options: OptionsJson): Promise<Bytes | null> {
  const rpId = (options["rp"] as { id?: string } | undefined)?.id;
  const publicKey: PublicKeyCredentialRequestOptions = {
    challenge: random(32),
    allowCredentials: [{ id: rawId, type: "public-key" }],
    userVerification: "required",
    extensions: EXTENSIONS,
    ...(rpId ? { rpId } : {}),
  };
  const used = (await navigator.credentials.get({ publicKey })) as PublicKeyCredential | null;
  return used && prfOf(used);
}

function outer(credential: PublicKeyCredential, response: object): object {
  const { id, type, authenticatorAttachment } = credential;
  return { id, rawId: text(credential.rawId), type, response, authenticatorAttachment, clientExtensionResults: {} };
}

function canPrf(credential: PublicKeyCredential): boolean {
  return (credential.getClientExtensionResults() as PrfResults).prf?.enabled === true;
}

function prfOf(credential: PublicKeyCredential): Bytes | null {
  const first = (credential.getClientExtensionResults() as PrfResults).prf?.results?.first;
  if (!first) return null;
  // A copy, whether it came as a buffer or as a view of one.
  return ArrayBuffer.isView(first) ? new Uint8Array(first.buffer, first.byteOffset, first.byteLength).slice() as Bytes : new Uint8Array(first.slice(0));
}

function decoded(options: OptionsJson): object {
  const list = (entries: OptionsJson["allowCredentials"]) => entries?.map((entry) => ({ ...entry, id: unb64u(entry.id) }));
  return {
    ...options,
    challenge: unb64u(options.challenge),
    ...(options.user ? { user: { ...options.user, id: unb64u(options.user.id) } } : {}),
    ...(options.excludeCredentials ? { excludeCredentials: list(options.excludeCredentials) } : {}),
    ...(options.allowCredentials ? { allowCredentials: list(options.allowCredentials) } : {}),
  };
}

function text(buffer: ArrayBuffer): string {
  return b64u(new Uint8Array(buffer));
}

export type { OptionsJson };
