/** An authenticator for tests: one credential per rp, with a PRF output or without, as `navigator.credentials`. */
import { vi } from "vitest";
import { b64u, type Bytes, random } from "../../src/crypto";

export class Authenticator {
  readonly #secrets = new Map<string, Bytes>();
  /** `at-creation`: gives the output at once; `at-use`: only in an assertion; `never`: has no PRF. */
  prf: "at-creation" | "at-use" | "never" = "at-creation";
  asked: unknown[] = [];

  install(): void {
    vi.stubGlobal("navigator", { credentials: { create: (o: object) => this.#create(o), get: (o: object) => this.#get(o) } });
  }

  secretOf(id: string): Bytes {
    return this.#secrets.get(id) ?? new Uint8Array();
  }

  async #create(options: object) {
    this.asked.push(options);
    const rawId = random(16);
    this.#secrets.set(b64u(rawId), random(32));
    const results = this.prf === "at-creation" ? { results: { first: this.secretOf(b64u(rawId)).buffer } } : {};
    const prf = this.prf === "never" ? {} : { prf: { enabled: true, ...results } };
    return credential(rawId, { attestationObject: random(8).buffer, getTransports: () => ["internal"] }, prf);
  }

  async #get(options: object) {
    this.asked.push(options);
    const [id] = [...this.#secrets.keys()].slice(-1);
    const rawId = Uint8Array.from(Buffer.from(id ?? "", "base64url"));
    const prf = this.prf === "never" ? {} : { prf: { results: { first: this.secretOf(id ?? "").buffer } } };
    return credential(rawId, { authenticatorData: random(8).buffer, signature: random(8).buffer, userHandle: null }, prf);
  }
}

function credential(rawId: Bytes, response: object, extensions: object) {
  return {
    id: b64u(rawId),
    rawId: rawId.buffer,
    type: "public-key",
    authenticatorAttachment: "platform",
    response: { clientDataJSON: random(8).buffer, ...response },
    getClientExtensionResults: () => extensions,
  };
}

