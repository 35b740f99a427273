/**
 * Getting in and out: a device is new, locked, waiting for the registrar, or open.
 *
 * Invariant: at most one session is open; whatever closes it ends its timers, socket and keys and empties what was shown.
 */
import { fingerprint, parseLinkOf } from "../crypto";
import { type AccountRow, type DeviceRow, LocalStore } from "../store";
import { type Api, ApiError } from "./api";
import { addByPasskey } from "./by-passkey";
import { type Enrolled, join, recoverBy } from "./enrolment";
import { forgetShell } from "./forgetting";
import { found, type Founder, type Founding } from "./founding";
import { watchIdle } from "./idle";
import type { OfficersAsked } from "./restoring";
import { generationsOf, Keyring } from "./keyring";
import { answerLink } from "./linking";
import { onlyApi, OpenedSession } from "./opened";
import { NOBODY, type Shown } from "./shown";
import { finish, leave, type SsoFinished, type SsoPurpose, type SsoReturn } from "./sso";
import type { DirectoryView, SessionState, Sso } from "./types";
import { ownerOf, unlock, unlockFromProvider } from "./unlocking";
import type { SessionWire, UnlockWire } from "./wire";

const PENDING_POLL_MS = 5_000;
const LOCKED_OUT = ["device.revoked", "membership.ended"];

export class Entrance {
  readonly #api: Api;
  readonly #shown: Shown;
  #store: LocalStore | null = null;
  #opened: OpenedSession | null = null;
  #pendingRing: Keyring | null = null;
  #ends: (() => void)[] = [];

  constructor(api: Api, shown: Shown) {
    this.#api = api;
    this.#shown = shown;
    api.onSignedOut = (code) => this.#signedOut(code);
  }

  get opened(): OpenedSession | null {
    return this.#opened;
  }

  async start(): Promise<void> {
    this.#store ??= await LocalStore.open();
    const account = await this.#store.account();
    if (!account) return this.#shown.session.set({ ...NOBODY, phase: "new" });
    this.#shown.session.set({ ...NOBODY, ...shownLocked(account), phase: "locked" });
    const device = await this.#store.device();
    // A lost phone may be switched on when its cookie is long gone: nobody has to unlock it for it to be emptied.
    if (device) void this.#askWhy(device.id).catch(onlyApi);
  }

  async join(address: string, label: string): Promise<{ recoveryCode: string; fingerprint: string }> {
    const enrolled = await join(this.#api, address, label);
    const ring = await this.#enrolled(enrolled);
    return { recoveryCode: enrolled.recoveryCode ?? "", fingerprint: await fingerprintOf(ring) };
  }

  async found(founding: Founding, founder: Founder, label: string): Promise<void> {
    await this.#enrolled(await found(this.#api, founding, founder, label));
  }

  async answerLink(address: string, label: string, show: (digits: string) => void, signal: AbortSignal): Promise<() => Promise<void>> {
    const finish = await answerLink(this.#api, address, label, show, signal);
    return async () => void (await this.#enrolled(await finish()));
  }

  async addByPasskey(label: string): Promise<void> {
    await this.#enrolled(await addByPasskey(this.#api, label));
  }

  /** Returns the next recovery code: the one typed is spent. */
  async recoverBy(address: string, code: string, label: string): Promise<string> {
    const enrolled = await recoverBy(this.#api, address, code, label);
    await this.#enrolled(enrolled);
    return enrolled.recoveryCode ?? "";
  }

  /** Resolves once two officers have agreed; what is returned makes the passkey and gives the next recovery code. */
  async askOfficers(address: string, label: string, show: (asked: OfficersAsked) => void, signal: AbortSignal): Promise<() => Promise<string>> {
    const { askOfficers } = await import("./restoring");
    const finish = await askOfficers(this.#api, address, label, show, signal);
    return async () => {
      const enrolled = await finish();
      await this.#enrolled(enrolled);
      return enrolled.recoveryCode ?? "";
    };
  }

  /** By the passkey's secret; with `code`, by the recovery code instead. */
  async unlock(code: string | null): Promise<void> {
    const { device, account } = await this.#own();
    const { session, ring } = await unlock(this.#api, device, account, code);
    await this.#enter(ring, session);
  }

  /** Off to the hospital's own sign-in service; the page is left. `address`: of the invitation, to join. */
  async leaveFor(purpose: SsoPurpose, address = ""): Promise<void> {
    if (purpose === "join") return leave(this.#api, purpose, { token: parseLinkOf("join", address).token }, new URL(address).hash);
    const { device } = await this.#own();
    return leave(this.#api, purpose, purpose === "bind" ? {} : { device: device.id }, location.hash);
  }

  /** Back from there. To sign in, the device signs and opens what it has; the other purposes are settled by the server. */
  async comeBack(returned: SsoReturn): Promise<SsoFinished> {
    const finished = await finish(this.#api, returned);
    if (finished.challenge !== null) {
      const { device, account } = await this.#own();
      const { session, ring } = await unlockFromProvider(this.#api, device, account, finished.challenge);
      await this.#enter(ring, session);
    }
    return finished;
  }

  async signOut(): Promise<void> {
    await this.#api.delete("/session");
    this.lock(null);
  }

  /** Forgets this device. The server keeps it until it is revoked. */
  async wipe(): Promise<void> {
    this.lock(null);
    await this.#store?.wipe();
    await forgetShell();
    this.#shown.session.set({ ...NOBODY, phase: "new" });
  }

  async #enrolled({ device, account, seed, generation, session }: Enrolled): Promise<Keyring> {
    this.lock(null);
    // Another person's ciphertext has no business on what is now this person's device.
    const store = (this.#store ??= await LocalStore.open());
    await store.wipe();
    await store.enrol(device, account);
    // Linked after the key was renewed: the former seeds open what was sealed before.
    const rows = generation > 1 ? generationsOf((await this.#api.get<UnlockWire>("/session/unlock")).keys) : [];
    const ring = await Keyring.of(ownerOf(device, account), seed, generation, rows);
    await this.#enter(ring, session);
    return ring;
  }

  async #own(): Promise<{ store: LocalStore; device: DeviceRow; account: AccountRow }> {
    const store = (this.#store ??= await LocalStore.open());
    const [device, account] = await Promise.all([store.device(), store.account()]);
    if (!device || !account) throw new ApiError(0, { code: "device.unknown", detail: "" });
    return { store, device, account };
  }

  async #enter(ring: Keyring, wire: SessionWire): Promise<void> {
    const { store, account } = await this.#own();
    this.#close();
    await store.putAccount({ ...account, idleLockSeconds: wire.idle_lock_seconds });
    const shown = { ...shownLocked(account), device: ring.device, fingerprint: await fingerprintOf(ring) };
    const isLogReader = wire.is_registrar || wire.is_auditor;
    const times = { isLogReader, idleLockSeconds: wire.idle_lock_seconds, expiresAt: wire.expires_at, sso: ssoOf(wire) };
    this.#shown.session.set({ ...NOBODY, ...shown, ...times, phase: wire.state === "active" ? "loading" : "pending" });
    this.#watch(wire);
    if (wire.state === "active") await this.#open(ring);
    else this.#await(ring);
  }

  /** Waits for the registrar. */
  #await(ring: Keyring): void {
    this.#pendingRing = ring;
    const look = async () => {
      const wire = await this.#api.get<SessionWire>("/session");
      if (wire.state === "active" && this.#pendingRing === ring) await this.#enter(ring, wire);
    };
    const ticking = setInterval(() => void look().catch(onlyApi), PENDING_POLL_MS);
    this.#ends.push(() => clearInterval(ticking));
  }

  #watch({ idle_lock_seconds, expires_at }: SessionWire): void {
    if (idle_lock_seconds > 0) this.#ends.push(watchIdle(idle_lock_seconds, () => this.lock("idle")));
    if (!expires_at) return;
    const expiring = setTimeout(() => this.lock("expired"), Math.min(Date.parse(expires_at) - Date.now(), 2 ** 31 - 1));
    this.#ends.push(() => clearTimeout(expiring));
  }

  async #open(ring: Keyring): Promise<void> {
    const { store, account } = await this.#own();
    const opened = new OpenedSession(this.#api, store, ring, account, () => this.#signedOut(""));
    this.#opened = opened;
    this.#ends.push(
      () => opened.close(),
      ...this.#shown.follow(opened),
      opened.ground.trust.view.subscribe((view) => void this.#named(view, opened)),
    );
    await opened.load();
    if (this.#opened !== opened) return;
    this.#shown.session.update({ phase: "open", reason: null });
    opened.live.open();
  }

  /** The directory has come: the hospital's name for the unlock screen, whether this person is a registrar, and whose key may be a new one. */
  async #named(view: DirectoryView, opened: OpenedSession): Promise<void> {
    const hospital = view.hospitals.find(({ id }) => id === opened.ground.ring.hospital);
    const fingerprint = await fingerprintOf(opened.ground.ring);
    if (!hospital || this.#opened !== opened) return;
    this.#shown.session.update({ hospitalName: hospital.name, isRegistrar: opened.isRegistrar, fingerprint });
    const { store, account } = await this.#own();
    if (account.hospitalName !== hospital.name) await store.putAccount({ ...account, hospitalName: hospital.name });
  }

  /** The server no longer knows this sign-in. Whoever was locked out for good has nothing left on the device either. */
  #signedOut(code: string): void {
    const isForGood = LOCKED_OUT.includes(code);
    const wasIn = this.#opened !== null || this.#pendingRing !== null;
    this.lock(isForGood ? "revoked" : "expired");
    if (isForGood) void this.wipe().then(() => this.#shown.session.update({ reason: "revoked" }));
    else if (wasIn) void this.#askWhy().catch(onlyApi);
  }

  async #askWhy(device = ""): Promise<void> {
    const wire = await this.#api.get<SessionWire>(`/session${device && `?device=${device}`}`);
    if (this.#shown.session.value.phase === "locked") this.#shown.session.update({ sso: ssoOf(wire) });
    const { lapse } = wire;
    // Meanwhile this browser may have become another device, by a link.
    const isStill = !device || (await this.#store?.device())?.id === device;
    if (lapse && LOCKED_OUT.includes(lapse) && isStill) this.#signedOut(lapse);
  }

  lock(reason: SessionState["reason"]): void {
    const wasIn = this.#opened !== null || this.#pendingRing !== null;
    this.#close();
    if (!wasIn) return;
    const { person, hospital, hospitalName, idleLockSeconds, sso } = this.#shown.session.value;
    // Whoever only locked the screen is signed in still, and opens it by passkey.
    const due = sso && { ...sso, isDue: sso.isRequired && reason === "expired" };
    this.#shown.session.set({ ...NOBODY, person, hospital, hospitalName, idleLockSeconds, sso: due, phase: "locked", reason });
  }

  #close(): void {
    for (const end of this.#ends) end();
    this.#ends = [];
    this.#opened = null;
    this.#pendingRing = null;
    this.#shown.clear();
  }
}

function shownLocked({ person, hospital, hospitalName, idleLockSeconds }: AccountRow) {
  return { person, hospital, hospitalName, idleLockSeconds };
}

function ssoOf({ sso, person }: SessionWire): Sso | null {
  return sso ? { name: sso.name, isRequired: sso.is_required, label: sso.label, isDue: sso.is_required && person === null } : null;
}

function fingerprintOf({ own }: Keyring): Promise<string> {
  return fingerprint(own.kem.publicKey, own.sign.publicKey);
}
