/**
 * The next generation of the person's own key, after a device was lost (docs/protocol.md section 3.5).
 *
 * Invariant: the next seed is in memory only, and leaves this device wrapped; it becomes the person's when the key directory proves its
 * public key, not when the server says so. Until then nothing changes here.
 */
import {
  b64u, type Bytes, equal, fingerprint, formatRecoveryCode, isKeyOf, keyId, principalKeys, ProtocolError, random, sealHistory, type SignedStatement,
} from "../crypto";
import type { AccountRow, DeviceRow } from "../store";
import { ApiError } from "./api";
import { type Belonging, localSecret, wrapped } from "./enrolment";
import type { Ground } from "./epochs";
import type { GenerationRow } from "./keyring";
import type { Value } from "./observable";
import { secretOf } from "./passkeys";
import { state } from "./stating";
import type { DeviceInfo, KeyRenewal } from "./types";
import { openSignedIn } from "./unlocking";
import type { KeyStandingWire, Results } from "./wire";

type Wrap = Awaited<ReturnType<typeof wrapped>> & { credential_id?: string };
interface Draft extends Belonging { wraps: Wrap[] }

export class Renewal {
  readonly #ground: Ground;
  readonly #shown: Value<KeyRenewal | null>;
  readonly #onRenewed: () => void;
  #draft: Draft | null = null;
  /** Offered, and not yet signed as far as is known here. */
  #offered: Draft | null = null;
  #hasLooked = false;
  /** One at a time: two rings of the same bell must not take in one seed twice. */
  #settling: Promise<void> = Promise.resolve();

  constructor(ground: Ground, shown: Value<KeyRenewal | null>, onRenewed: () => void) {
    this.#ground = ground;
    this.#shown = shown;
    this.#onRenewed = onRenewed;
  }

  /** Asks whether the key should be renewed, and how far that is. */
  async look(): Promise<void> {
    const standing = await this.#ground.api.get<KeyStandingWire>("/renewal");
    this.#hasLooked = true;
    if (this.#shown.value?.stage !== "done" || standing.due_since) this.#shown.set(await this.#read(standing));
  }

  async #read({ generation, due_since, state, device }: KeyStandingWire): Promise<KeyRenewal | null> {
    const { ring, trust, store } = this.#ground;
    if (generation > ring.generation) return { stage: "signed", fingerprint: null };
    if (due_since === null) return null;
    if (trust.directory.isRegistrar(ring.person)) return { stage: "office", fingerprint: null };
    if (state !== "waiting") return { stage: "due", fingerprint: null };
    if (device !== ring.device) return { stage: "elsewhere", fingerprint: null };
    // The person reads out what was made here; the server's copy could be of other keys.
    const kept = await store.snapshot<string>(ring.storeKey, "renewal");
    return kept ? { stage: "waiting", fingerprint: kept } : { stage: "due", fingerprint: null };
  }

  /** Makes the next seed and its copies, by passkey. Returns the next recovery code, to be shown once; the server hears nothing of it yet. */
  async prepare(): Promise<string> {
    const { person, hospital } = this.#ground.ring;
    const [seed, code] = [random(32), random(16)];
    const belonging = { person, hospital, seed, keys: await principalKeys(seed) };
    this.#draft = { ...belonging, wraps: [await this.#ownWrap(belonging), await wrapped("recovery", belonging, code)] };
    return formatRecoveryCode(code);
  }

  async #ownWrap(belonging: Belonging): Promise<Wrap> {
    const { device, account } = await this.#own();
    if (device.secret) return wrapped("device", belonging, await localSecret(device));
    const secret = await secretOf(account.credential);
    if (!secret) throw new ProtocolError("wrap.unreadable", "no prf");
    return { ...(await wrapped("passkey", belonging, secret)), credential_id: account.credential };
  }

  /** Offers what was prepared. Throws `ApiError` 409 `renewal.waiting` (another device was first), `renewal.stale`, `renewal.not_due`. */
  async offer(): Promise<void> {
    const draft = this.#draft;
    if (!draft) throw new ApiError(409, { code: "renewal.stale", detail: "" });
    const { api, ring, trust, store } = this.#ground;
    await trust.learnNew();
    const { kem, sign } = draft.keys;
    const body = { principal: ring.person, sign: ring.deviceKey.publicKey };
    const stays = await state(this.#ground, "device", ring.device, body, sign);
    const ends = await this.#ends();
    await trust.expect([stays.digest, ...ends.map(({ digest }) => digest), b64u(await keyId(kem.publicKey))]);
    await api.post("/renewal", {
      generation: ring.generation + 1,
      kem: b64u(kem.publicKey),
      sign: b64u(sign.publicKey),
      history: b64u(await sealHistory(draft.seed, ring.person, ring.generation, ring.seed)),
      device: signed(stays),
      ends: ends.map(signed),
      wraps: draft.wraps,
    });
    [this.#draft, this.#offered] = [null, draft];
    const said = await fingerprint(kem.publicKey, sign.publicKey);
    await store.putSnapshot(ring.storeKey, "renewal", said);
    this.#shown.set({ stage: "waiting", fingerprint: said });
  }

  /** The other devices have no way to the next seed that the lost one has not: they end when it holds, and are linked anew. */
  async #ends() {
    const { api, ring } = this.#ground;
    const { results } = await api.get<Results<DeviceInfo>>("/devices");
    const others = results.filter(({ id, revoked_at }) => id !== ring.device && !revoked_at);
    return Promise.all(others.map(({ id }) => state(this.#ground, "device-revoked", id, { principal: ring.person, reason: "replaced" })));
  }

  /** The directory may have changed: what was offered and is signed by now takes effect here. */
  async settle(): Promise<void> {
    this.#settling = this.#settling.catch(() => undefined).then(() => this.#settle());
    return this.#settling;
  }

  async #settle(): Promise<void> {
    const { ring, trust } = this.#ground;
    const { generation, kem } = trust.directory.principal(ring.person);
    if (generation <= ring.generation) return this.#hasLooked ? undefined : this.look();
    const offered = this.#offered;
    if (offered && equal(kem, offered.keys.kem.publicKey)) return this.#adopt(offered.seed, generation, []);
    this.#shown.set({ stage: "signed", fingerprint: null });
  }

  /** The signed key, by passkey and without a new sign-in: where the page was locked or loaded anew meanwhile, or in another window. */
  async open(): Promise<void> {
    const { api, ring, trust } = this.#ground;
    const { device, account } = await this.#own();
    const { seed, generation, rows } = await openSignedIn(api, device, account);
    await trust.learnNew();
    const stated = trust.directory.principal(ring.person);
    if (stated.generation !== generation || !isKeyOf(await principalKeys(seed), stated.kem)) throw new ProtocolError("wrap.unreadable", "not the key that was signed");
    await this.#adopt(seed, generation, rows);
  }

  async #adopt(seed: Bytes, generation: number, rows: readonly GenerationRow[]): Promise<void> {
    const { ring, store } = this.#ground;
    await ring.advance(seed, generation, rows);
    await store.carryOver(ring.formerStoreKeys, ring.storeKey);
    this.#offered = null;
    this.#shown.set({ stage: "done", fingerprint: null });
    this.#onRenewed();
  }

  /** The person has read that it is done. */
  dismiss(): void {
    this.#shown.set(null);
  }

  async #own(): Promise<{ device: DeviceRow; account: AccountRow }> {
    const { store } = this.#ground;
    const [device, account] = await Promise.all([store.device(), store.account()]);
    if (!device || !account) throw new ApiError(0, { code: "device.unknown", detail: "" });
    return { device, account };
  }
}

function signed({ h, s }: SignedStatement): { h: string; s: string } {
  return { h: b64u(h), s: b64u(s) };
}
