/**
 * A second device, compared with the first (docs/protocol.md section 3.2).
 *
 * Invariant: the opening of a link is handed out for the first claim that was seen here, and the seed is sealed to that claim's keys alone,
 * after a person has said that both screens show the same digits.
 */
import {
  b64u, type Bytes, equal, formatLink, kemKeyFromSeed, type LinkClaim, linkDigits, type LinkPayload, linkSecret, makeDeviceKey, openLink, openLinkFor, parseLinkOf,
  principalKeys, ProtocolError, random, sealLink, sealLinkFor, unb64u,
} from "../crypto";
import { type Api, ApiError } from "./api";
import { accountOf, enrol, type Enrolled, makeDevice, type NewDevice, passkeyFor, pinned } from "./enrolment";

const LOOK_AGAIN_MS = 1_000;

interface ClaimWire { claim: { label: string; public_key: string; kem: string } | null }
interface WaitWire { opening: string | null; sealed: string | null; person: string | null }
interface LookWire { is_compared?: boolean; sealed: string | null; person: string | null }

/** What the old device shows of the one that answered. */
export interface Answered { label: string; digits: string }

/** A link on the screen of the old device. */
export class OfferedLink {
  readonly address: string;
  readonly expiresAt: string;
  readonly #api: Api;
  readonly #token: string;
  readonly #opening: Bytes;
  readonly #payload: LinkPayload;
  #claim: LinkClaim | null = null;

  private constructor(api: Api, payload: LinkPayload, token: string, opening: Bytes, secret: Bytes, expiresAt: string) {
    this.#api = api;
    this.#payload = payload;
    this.#token = token;
    this.#opening = opening;
    this.address = location.origin + formatLink(token, secret);
    this.expiresAt = expiresAt;
  }

  static async make(api: Api, payload: LinkPayload): Promise<OfferedLink> {
    const [token, opening] = [b64u(random(32)), random(32)];
    const { expires_at } = await api.post<{ expires_at: string }>("/device-links", { token });
    return new OfferedLink(api, payload, token, opening, await linkSecret(opening), expires_at);
  }

  /** The device that has answered, null if none has. Throws `wrap.unreadable` if the service shows another one than before. */
  async look(): Promise<Answered | null> {
    const { claim: found } = await this.#api.post<ClaimWire>("/device-links/claimed", { token: this.#token });
    if (!found) return null;
    const claim = { token: this.#token, sign: unb64u(found.public_key, 32), kem: unb64u(found.kem, 1216) };
    // Once the opening is out, keys that show the same digits could be searched for.
    if (this.#claim && !(equal(claim.sign, this.#claim.sign) && equal(claim.kem, this.#claim.kem))) throw new ProtocolError("wrap.unreadable", "another device");
    this.#claim = claim;
    await this.#api.post("/device-links/open", { token: this.#token, opening: b64u(this.#opening) });
    return { label: found.label, digits: await linkDigits(this.#opening, claim) };
  }

  /** After the digits were compared. */
  async approve(): Promise<void> {
    if (!this.#claim) throw new ProtocolError("wrap.unreadable", "no device has answered");
    const sealed = await sealLink(this.#payload, await linkSecret(this.#opening), this.#token);
    await this.#decide(b64u(await sealLinkFor(this.#claim, sealed)));
  }

  async refuse(): Promise<void> {
    await this.#decide(null);
  }

  async #decide(sealed: string | null): Promise<void> {
    await this.#api.post("/device-links/decide", { token: this.#token, sealed });
  }
}

/**
 * On the new device: shows the digits as soon as there are any and returns, once the old one has approved, what makes the passkey (its own
 * tap: some browsers ask for one). A link that is good as it is, as the demo prints them, shows none.
 */
export async function answerLink(
  api: Api, address: string, label: string, show: (digits: string) => void, signal: AbortSignal,
): Promise<() => Promise<Enrolled>> {
  const { token, value: secret } = parseLinkOf("link", address);
  await api.get("/session");
  const look = await api.post<LookWire>("/device-links/look", { token });
  if (!look.is_compared) return finisher(api, token, label, await openLink(unb64u(look.sealed ?? ""), secret, token), look.person);
  const [made, kem] = [{ id: crypto.randomUUID(), key: await makeDeviceKey() }, kemKeyFromSeed(random(32))];
  const claim = { token, sign: made.key.publicKey, kem: kem.publicKey };
  await api.post("/device-links/claim", { token, device: { id: made.id, label, public_key: b64u(claim.sign) }, kem: b64u(claim.kem) });
  const wait = (wanted: (wire: WaitWire) => string | null) => waitFor(api, { token, device: made.id }, wanted, signal);
  const opening = unb64u((await wait((wire) => wire.opening)).opening ?? "", 32);
  if (!equal(await linkSecret(opening), secret)) throw new ProtocolError("wrap.unreadable", "not what the link commits to");
  show(await linkDigits(opening, claim));
  const { sealed, person } = await wait((wire) => wire.sealed);
  return finisher(api, token, label, await openLink(await openLinkFor(claim, kem, unb64u(sealed ?? "")), secret, token), person, made);
}

function finisher(api: Api, token: string, label: string, payload: LinkPayload, person: string | null, made?: NewDevice): () => Promise<Enrolled> {
  // The server must not pair somebody's link with somebody else's account.
  if (payload.person !== person) throw new ProtocolError("wrap.unreadable", "person");
  return async () => {
    const belonging = { ...payload, keys: await principalKeys(payload.seed) };
    const passkey = await passkeyFor(api, token, "link");
    const { device, wire } = await makeDevice(belonging, passkey, label, made);
    const { device: stated, statement, wrap } = wire;
    const pin = await pinned(belonging, payload.root);
    const session = await enrol(api, { token, purpose: "link", credential: passkey.credential, device: stated, statement, wraps: [wrap], pin });
    const account = accountOf(belonging, "", payload.root, passkey.id, session);
    return { session, device, account, seed: payload.seed, generation: payload.generation, recoveryCode: null };
  };
}

/** Asks until there is what is wanted, over every gap in the network; the link's end ends it, and so does `signal`. */
async function waitFor(api: Api, body: object, wanted: (wire: WaitWire) => string | null, signal: AbortSignal): Promise<WaitWire> {
  for (;;) {
    signal.throwIfAborted();
    const wire = await api.post<WaitWire>("/device-links/wait", body).catch(passing);
    if (wire && wanted(wire) !== null) return wire;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

function passing(error: unknown): null {
  if (error instanceof ApiError && error.isPassing) return null;
  throw error;
}
