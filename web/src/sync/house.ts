/**
 * What registrars settle with other hospitals, and among themselves.
 *
 * Invariant: a partner's root is signed as it was shown to be compared; the hospital's own root key exists here while it signs one
 * statement, made of the printed code, and is told to nobody.
 */
import {
  b64u, type Bytes, equal, fingerprint, formatInvitation, makeStatement, ProtocolError, rootFingerprint, timestamp, unb64u,
} from "../crypto";
import { ApiError } from "./api";
import type { Ground } from "./epochs";
import { stateByRoot } from "./stating";
import type { Invitee } from "./types";
import type { Results } from "./wire";

/** Another hospital of the service. Partners are those with both times. */
export interface Neighbour {
  hospital: string;
  name: string;
  city: string;
  /** Of the root, for the telephone. */
  fingerprint: string;
  accepted_at: string | null;
  accepts_us_since: string | null;
}

export interface Proposal { id: string; candidate: string; proposed_by: string; expires_at: string; operator_agreed_at: string | null; fingerprint: string | null }
/** `is_active` false: has left, and is believed until the root signs that the office has ended. */
export interface Officer { person: string; name: string; title: string; is_active: boolean }
export interface Officers { registrars: Officer[]; proposals: Proposal[] }

export interface OpenInvitation extends Invitee { person: string; created_at: string; expires_at: string }
export interface MadeInvitation extends Invitee { line: number; address: string; expiresAt: string }
export interface SheetProblem { line: number; column: string; code: string }
export interface SheetCheck { rows: (Invitee & { line: number })[]; errors: SheetProblem[]; warnings: SheetProblem[] }

export const REFUSALS = ["fingerprint_differs", "not_expected", "wrong_details", "other"] as const;
export type Refusal = (typeof REFUSALS)[number];

type NeighbourWire = Omit<Neighbour, "fingerprint"> & { root: string };
type ProposalWire = Omit<Proposal, "fingerprint"> & { sign: string };

export class House {
  readonly #ground: Ground;
  readonly #root: Bytes;
  #shown = new Map<string, Bytes>();

  constructor(ground: Ground, root: Bytes) {
    this.#ground = ground;
    this.#root = root;
  }

  /** The own root's, which the other registrar compares. */
  async fingerprint(): Promise<string> {
    return rootFingerprint(this.#root);
  }

  async neighbours(): Promise<Neighbour[]> {
    const { results } = await this.#ground.api.get<Results<NeighbourWire>>("/partners");
    this.#shown = new Map(results.map(({ hospital, root }) => [hospital, unb64u(root, 32)]));
    return Promise.all(results.map(async ({ root, ...rest }) => ({ ...rest, fingerprint: await rootFingerprint(unb64u(root, 32)) })));
  }

  /** Signs the root whose fingerprint was shown. */
  async acceptPartner(hospital: string): Promise<void> {
    const root = this.#shown.get(hospital);
    if (!root) throw new ApiError(404, { code: "member.not_shown", detail: "" });
    await this.#statePartner("/partners", hospital, root);
  }

  /** From here on nothing is sealed to that hospital on any phone of this one, whatever the server says. */
  async endPartner(hospital: string): Promise<void> {
    await this.#statePartner(`/partners/${hospital}/end`, hospital, null);
  }

  async #statePartner(path: string, hospital: string, root: Bytes | null): Promise<void> {
    const { ring, trust } = this.#ground;
    await trust.refresh();
    const prev = trust.directory.latest("partner", hospital)?.digest ?? null;
    const draft = { kind: "partner" as const, hospital: ring.hospital, subject: hospital, body: { root }, by: ring.person, at: timestamp(), prev };
    await trust.state(path, await makeStatement(draft, ring.own.sign), { hospital });
    await trust.refresh();
  }

  async officers(): Promise<Officers> {
    const { registrars, proposals } = await this.#ground.api.get<{ registrars: Officer[]; proposals: ProposalWire[] }>("/registrars");
    return { registrars, proposals: await Promise.all(proposals.map((proposal) => this.#proved(proposal))) };
  }

  /** The fingerprint is the candidate's own, from the chain; without it the key proposed is not theirs. */
  async #proved({ sign, ...proposal }: ProposalWire): Promise<Proposal> {
    try {
      const { kem, sign: own } = this.#ground.trust.directory.principal(proposal.candidate);
      const isTheirs = own !== null && equal(own, unb64u(sign, 32));
      return { ...proposal, fingerprint: isTheirs ? await fingerprint(kem, own) : null };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return { ...proposal, fingerprint: null };
    }
  }

  async proposeRegistrar(person: string): Promise<void> {
    const { sign } = this.#ground.trust.directory.principal(person);
    if (!sign) throw new ProtocolError("statement.no_chain", person);
    await this.#ground.api.post("/registrars/proposals", { person, sign: b64u(sign) });
  }

  /** The second person's word. `typed` is the hospital's printed root code. Throws `ApiError` `root.wrong_code`. */
  async confirmRegistrar(proposal: string, candidate: string, typed: string): Promise<void> {
    const { sign } = this.#ground.trust.directory.principal(candidate);
    await this.#stateOffice(`/registrars/proposals/${proposal}/confirm`, candidate, sign, typed);
  }

  async withdrawProposal(proposal: string): Promise<void> {
    await this.#ground.api.post(`/registrars/proposals/${proposal}/withdraw`);
  }

  async endRegistrar(person: string, typed: string): Promise<void> {
    await this.#stateOffice(`/registrars/${person}/end`, person, null, typed);
  }

  async #stateOffice(path: string, person: string, sign: Bytes | null, typed: string): Promise<void> {
    const { trust } = this.#ground;
    await stateByRoot(this.#ground, this.#root, typed, path, "registrar", person, { sign });
    await trust.refresh();
  }

  async rejectMember(person: string, reason: Refusal): Promise<void> {
    await this.#ground.api.post(`/members/${person}/reject`, { reason });
  }

  async openInvitations(): Promise<OpenInvitation[]> {
    return (await this.#ground.api.get<Results<OpenInvitation>>("/invitations")).results;
  }

  async withdrawInvitation(person: string): Promise<void> {
    await this.#ground.api.post(`/invitations/${person}/withdraw`);
  }

  /** Says what is wrong with a table, line by line; invites nobody. */
  async checkSheet(file: Blob): Promise<SheetCheck> {
    return this.#ground.api.post<SheetCheck>("/invitations/check", { sheet: await encoded(file) });
  }

  /** All lines or none. The links are made here, with the hospital's root, and are shown this once. */
  async inviteSheet(file: Blob): Promise<MadeInvitation[]> {
    type Wire = Invitee & { line: number; token: string; expires_at: string };
    const { results } = await this.#ground.api.post<Results<Wire>>("/invitations/bulk", { sheet: await encoded(file) });
    return results.map(({ token, expires_at, ...who }) => ({ ...who, address: location.origin + formatInvitation(token, this.#root), expiresAt: expires_at }));
  }
}

async function encoded(file: Blob): Promise<string> {
  return b64u(new Uint8Array(await file.arrayBuffer()));
}
