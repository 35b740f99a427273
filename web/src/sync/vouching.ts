/**
 * For whom a registrar vouches: who joins, and a member whose key is renewed after a lost device.
 *
 * Invariant: what was shown is what gets signed: kept from the list, not asked for again at approval.
 */
import { fingerprint, onlyProtocol, openProfile, profileDigest, ProtocolError, unb64u } from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { Value } from "./observable";
import { state } from "./stating";
import type { PendingMember } from "./types";
import type { OfferedKeyWire, PendingMemberWire, Results } from "./wire";

type Vouchable = Pick<PendingMemberWire, "person" | "keys" | "profile" | "account"> & { generation: number; isRenewal: boolean };

export class Vouching {
  readonly pending = new Value<PendingMember[]>([]);
  readonly #ground: Ground;
  #shown = new Map<string, Vouchable>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async refresh(): Promise<void> {
    const { api, trust } = this.#ground;
    const joining = (await api.get<Results<PendingMemberWire>>("/members/pending")).results;
    const renewing = (await api.get<Results<OfferedKeyWire>>("/members/renewals")).results;
    if (renewing.length > 0) await trust.learnNew();
    const renewals = await Promise.all(renewing.map((offered) => this.#renewal(offered).catch(onlyProtocol)));
    const all = [...joining.map((member) => this.#joining(member)), ...renewals.filter((each) => each !== null)];
    this.#shown = new Map(all.map((each) => [each.person, each]));
    this.pending.set(await Promise.all(all.map(shownOf)));
  }

  #joining(member: PendingMemberWire): Vouchable {
    return { ...member, generation: this.#generationOf(member.person) + 1, isRenewal: false };
  }

  /** Throws a `ProtocolError` where it cannot follow what was signed of this member: nobody is asked to compare that. */
  async #renewal(offered: OfferedKeyWire): Promise<Vouchable> {
    const { person, generation, profile } = offered;
    const known = this.#ground.trust.directory.principal(person);
    await openProfile(unb64u(profile), known.profile);
    if (known.kind !== "member" || generation !== known.generation + 1) throw new ProtocolError("statement.no_chain", "not the next of a member");
    return { ...offered, account: null, isRenewal: true };
  }

  #generationOf(person: string): number {
    return this.#ground.trust.directory.latest("member", person)?.body.generation ?? 0;
  }

  /** Signs the keys whose fingerprint was shown. */
  async approve(person: string): Promise<void> {
    const shown = this.#shown.get(person);
    if (!shown) throw new ApiError(404, { code: "member.not_shown", detail: "" });
    const { kem, sign } = shown.keys;
    const { generation, isRenewal } = shown;
    const body = { generation, kem: unb64u(kem, 1216), sign: unb64u(sign, 32), profile: await profileDigest(unb64u(shown.profile)) };
    const { trust } = this.#ground;
    await trust.state(`/members/${person}/${isRenewal ? "renew" : "approve"}`, await state(this.#ground, "member", person, body));
    await Promise.all([this.refresh(), trust.refresh()]);
  }
}

/** The name to approve is the one in the bytes that will be signed, whatever the server writes beside them. */
async function shownOf({ person, keys, profile, account, isRenewal }: Vouchable): Promise<PendingMember> {
  const said = await openProfile(unb64u(profile));
  return { person, ...said, fingerprint: await fingerprint(unb64u(keys.kem), unb64u(keys.sign)), account, isRenewal };
}
