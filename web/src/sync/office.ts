/**
 * Duty, devices and the registrar's work.
 *
 * Invariant: whatever vouches for a key is signed here, with this person's own key, over what was shown to them.
 */
import {
  b64u, type Bodies, type Bytes, type Directory, formatInvitation, formatRecovery, onlyProtocol, random, type RevocationReason, type StatementKind,
} from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { OfferedLink } from "./linking";
import { Value } from "./observable";
import { RoleKeys } from "./rolekeys";
import { dutyAt } from "./shifts";
import { state } from "./stating";
import type { DeviceInfo, Duty, EscalationChain, Invitee, Settings } from "./types";
import type { DutyWire, Results } from "./wire";

export interface Address { address: string; expiresAt: string }

export class Office {
  readonly duty = new Value<Duty[]>([]);
  readonly devices = new Value<DeviceInfo[]>([]);
  readonly #ground: Ground;
  readonly #root: Bytes;
  /** Former role seeds being fetched and handed on. */
  mending: Promise<void> = Promise.resolve();
  readonly #keys: RoleKeys;
  readonly #onMoreKeys: () => void;

  constructor(ground: Ground, root: Bytes, onMoreKeys: () => void) {
    this.#ground = ground;
    this.#root = root;
    this.#keys = new RoleKeys(ground);
    this.#onMoreKeys = onMoreKeys;
  }

  async load(): Promise<void> {
    const kept = await this.#ground.store.snapshot<DutyWire[]>(this.#ground.ring.storeKey, "duty");
    if (!kept) return;
    await this.#takeDuty(kept);
    this.changeShift(Date.now());
  }

  async refreshDuty(): Promise<void> {
    const { api, store, ring, trust } = this.#ground;
    const { results } = await api.get<Results<DutyWire>>("/duty");
    await store.putSnapshot(ring.storeKey, "duty", results);
    if (results.some((wire) => this.#keys.isAhead(wire))) await trust.learnNew();
    await this.#takeDuty(results);
    // Beside it, not before it: who is on duty now does not wait for older conversations.
    this.mending = this.#keys.mend(results).then((hasMore) => { if (hasMore) this.#onMoreKeys(); }).catch(onlyApi);
  }

  async #takeDuty(wires: readonly DutyWire[]): Promise<void> {
    await this.#keys.hold(wires);
    this.duty.set(wires.map(({ role, holder, since, until, turns = [], gaps = [] }) => ({ role, holder, since, until, turns, gaps })));
  }

  /** What was planned until `now` (server's time) has come true, with a network or without. */
  changeShift(now: number): void {
    this.duty.set(this.duty.value.map((duty) => dutyAt(duty, now)));
  }

  /** The duty roles this person holds now. */
  rolesHeld(): string[] {
    return this.duty.value.filter(({ holder }) => holder === this.#ground.ring.person).map(({ role }) => role);
  }

  async takeDuty(role: string, until?: string): Promise<void> {
    await this.#ground.api.post(`/duty/${role}/take`, until ? { until } : {});
    await this.refreshDuty();
  }

  async handOver(role: string, to: string, until?: string): Promise<void> {
    await this.#ground.api.post(`/duty/${role}/hand-over`, until ? { to, until } : { to });
    await this.refreshDuty();
  }

  async refreshDevices(): Promise<void> {
    this.devices.set(await this.#devicesAt("/devices"));
  }

  /** A member's, for a registrar who is told that one is lost. */
  async devicesOf(person: string): Promise<DeviceInfo[]> {
    return this.#devicesAt(`/members/${person}/devices`);
  }

  async #devicesAt(path: string): Promise<DeviceInfo[]> {
    const { results } = await this.#ground.api.get<Results<Omit<DeviceInfo, "isThis">>>(path);
    return results.map((device) => ({ ...device, isThis: device.id === this.#ground.ring.device }));
  }

  async revokeDevice(device: string, reason: RevocationReason): Promise<void> {
    // It may have become a device a moment ago, and who revokes must know whose it is from a signed statement.
    await this.#ground.trust.refresh();
    const { principal } = this.#ground.trust.directory.deviceEver(device);
    await this.#state(`/devices/${device}/revoke`, "device-revoked", device, { principal, reason });
    await this.refreshDevices();
  }

  async loadChain(role: string): Promise<EscalationChain> {
    return this.#ground.api.get<EscalationChain>(`/roles/${role}/escalation`);
  }

  /** Throws `ApiError` 412 `escalation.changed` if somebody was quicker. */
  async saveChain({ role, version, normal, important }: EscalationChain): Promise<EscalationChain> {
    return this.#ground.api.put<EscalationChain>(`/roles/${role}/escalation`, { normal, important }, { "If-Match": String(version) });
  }

  async loadSettings(): Promise<Settings> {
    return this.#ground.api.get<Settings>("/me");
  }

  /** Both null: none. */
  async setQuietHours(quiet_from: string | null, quiet_until: string | null): Promise<Settings> {
    return this.#ground.api.patch<Settings>("/me", { quiet_from, quiet_until });
  }

  /** Makes another browser a device of this person, once both were compared. */
  async makeLink(): Promise<OfferedLink> {
    const { ring, api } = this.#ground;
    return OfferedLink.make(api, { person: ring.person, seed: ring.seed, generation: ring.generation, hospital: ring.hospital, root: this.#root });
  }

  /** For a member whose devices are all lost and who stands here: it opens nothing without their printed code. */
  async makeRecovery(person: string): Promise<Address> {
    const token = b64u(random(32));
    const { expires_at } = await this.#ground.api.post<{ expires_at: string }>(`/members/${person}/recovery`, { token });
    return { address: location.origin + formatRecovery(token, this.#root), expiresAt: expires_at };
  }

  async createInvitation(member: Invitee): Promise<Address> {
    const { token, expires_at } = await this.#ground.api.post<{ token: string; expires_at: string }>("/invitations", member);
    return { address: location.origin + formatInvitation(token, this.#root), expiresAt: expires_at };
  }

  async endMembership(person: string): Promise<void> {
    await this.#ground.api.post(`/members/${person}/end`);
    await this.signOwedRevocations();
    await this.#ground.trust.refresh();
  }

  /** The devices of those who left, whoever ended their membership: signed away here, so that a server that lies keeps none of them alive. */
  async signOwedRevocations(): Promise<void> {
    const { results } = await this.#ground.api.get<Results<{ device: string; person: string }>>("/members/owed-revocations");
    if (results.length > 0) await this.#ground.trust.learnNew();
    for (const { device, person } of results) {
      const owner = ownerOf(this.#ground.trust.directory, device);
      // Whose it is the directory proves; another's is not signed away at the server's word.
      if (owner !== person) continue;
      const path = `/devices/${device}/revoke`;
      await this.#state(path, "device-revoked", device, { principal: person, reason: "left" }).catch(onlyConflict);
    }
  }

  async #state<K extends StatementKind>(path: string, kind: K, subject: string, body: Bodies[K]): Promise<void> {
    await this.#ground.trust.state(path, await state(this.#ground, kind, subject, body));
  }
}

function onlyApi(error: unknown): void {
  if (!(error instanceof ApiError)) throw error;
}

function ownerOf(directory: Directory, device: string): string | null {
  try {
    return directory.deviceEver(device).principal;
  } catch (error) {
    return onlyProtocol(error);
  }
}

/** Another registrar was quicker. */
function onlyConflict(error: unknown): void {
  if (!(error instanceof ApiError) || error.status !== 409) throw error;
}
