/** What the screens read: the stores of `sync` as one piece of state, and the questions several screens ask of it. */
import type {
  BedRequest, BoardHospital, Candidate, Connection, ConversationView, DeviceInfo, DirectoryView, Duty, DutyRole, Hospital, KeyRenewal, MessageView, PendingMember,
  Person, Readable, RestorationView, SessionState,
} from "../sync/types";
import type { RequestTemplate } from "../sync/numbers";
import { m } from "../paraglide/messages";
import { attempt } from "./notices.svelte";
import type { Port } from "./port";

const NOBODY: SessionState = {
  phase: "loading", person: null, device: null, hospital: null, hospitalName: "", isRegistrar: false, isLogReader: false, rolesOnDuty: [], fingerprint: null,
  idleLockSeconds: 0, expiresAt: null, reason: null, sso: null,
};

class Model {
  session = $state.raw<SessionState>(NOBODY);
  connection = $state.raw<Connection>("live");
  waiting = $state.raw(0);
  directory = $state.raw<DirectoryView>({ hospitals: [], people: [], roles: [], logs: [], aboutMe: [] });
  conversations = $state.raw<ConversationView[]>([]);
  requests = $state.raw<BedRequest[]>([]);
  board = $state.raw<BoardHospital[]>([]);
  boardAt = $state.raw<string | null>(null);
  duty = $state.raw<Duty[]>([]);
  templates = $state.raw<RequestTemplate[]>([]);
  pendingMembers = $state.raw<PendingMember[]>([]);
  devices = $state.raw<DeviceInfo[]>([]);
  restorations = $state.raw<RestorationView[]>([]);
  keyRenewal = $state.raw<KeyRenewal | null>(null);

  readonly people = $derived(new Map<string, Person>(this.directory.people.map((each) => [each.id, each])));
  readonly roles = $derived(new Map<string, DutyRole>(this.directory.roles.map((each) => [each.id, each])));
  readonly hospitals = $derived(new Map<string, Hospital>(this.directory.hospitals.map((each) => [each.id, each])));
  readonly unread = $derived(this.conversations.reduce((sum, each) => sum + each.unread, 0));
}

export const model = new Model();

let current: Port | null = null;

/** Ties the model to a port; returns what unties it. */
export function usePort(port: Port): () => void {
  current = port;
  const follow = <T>(store: Readable<T>, set: (value: T) => void): (() => void) => store.subscribe(set);
  const ends = [
    follow(port.session, (value) => { model.session = value; }),
    follow(port.connection, (value) => { model.connection = value; }),
    follow(port.waiting, (value) => { model.waiting = value; }),
    follow(port.directory, (value) => { model.directory = value; }),
    follow(port.conversations, (value) => { model.conversations = value; }),
    follow(port.requests, (value) => { model.requests = value; }),
    follow(port.board, (value) => { model.board = value; }),
    follow(port.boardAt, (value) => { model.boardAt = value; }),
    follow(port.duty, (value) => { model.duty = value; }),
    follow(port.templates, (value) => { model.templates = value; }),
    follow(port.pendingMembers, (value) => { model.pendingMembers = value; }),
    follow(port.keyRenewal, (value) => { model.keyRenewal = value; }),
    follow(port.restorations, (value) => { model.restorations = value; }),
    follow(port.devices, (value) => { model.devices = value; }),
  ];
  return () => ends.forEach((end) => end());
}

export function port(): Port {
  if (!current) throw new Error("the screens were started without a port");
  return current;
}

/** For a screen that shows figures: fetched now, told of each change as long as the screen is there. Runs inside a component. */
export function watchBoard(): void {
  $effect(() => port().watchBoard());
  void attempt(() => port().refresh("board"));
}

/** The messages of one conversation as state; runs inside a component, which keeps them open. There are none where nobody has begun one. */
export function thread(conversation: () => string | null): { readonly messages: MessageView[] } {
  let messages = $state.raw<MessageView[]>([]);
  $effect(() => {
    messages = [];
    const id = conversation();
    return id === null ? undefined : port().messages(id).subscribe((value) => { messages = value; });
  });
  return { get messages() { return messages; } };
}

export interface Found { request: BedRequest; candidate: Candidate }

function find(requests: readonly BedRequest[], test: (candidate: Candidate) => boolean): Found | null {
  for (const request of requests) {
    const candidate = request.candidates.find(test);
    if (candidate) return { request, candidate };
  }
  return null;
}

export const findCandidate = (id: string): Found | null => find(model.requests, (each) => each.id === id);
/** What a conversation is about, among the open requests or those given. */
export const candidateOf = (conversation: string, requests = model.requests): Found | null => find(requests, (each) => each.conversation === conversation);

export const isOurs = (request: BedRequest): boolean => request.origin === model.session.hospital;
export const myDuties = (): Duty[] => model.duty.filter((duty) => duty.holder !== null && duty.holder === model.session.person);
export const hospitalName = (id: string): string => model.hospitals.get(id)?.name ?? "";
export const roleName = (id: string | null): string => (id === null ? undefined : model.roles.get(id)?.name) ?? "";

export function personName(id: string | null): string {
  const person = id === null ? undefined : model.people.get(id);
  return person ? [person.title, person.name].filter(Boolean).join(" ") : "";
}

/** Who asked: a person, or the hospital's own software by its name. */
export const askerName = ({ requester, software }: BedRequest): string => (software ? m.software_named({ name: software }) : personName(requester));

export interface Counterpart { name: string; detail: string }

/** Who a conversation is with, as a sender must always see it: hospital and role, or the person. */
export function counterpart(conversation: ConversationView): Counterpart {
  const found = candidateOf(conversation.id);
  if (found) return counterpartOf(found);
  const other = conversation.members.find((each) => each.kind !== "archive" && each.principal !== model.session.person && !isMyRole(each.principal));
  if (!other) return { name: "", detail: "" };
  const person = model.people.get(other.principal);
  if (person) return { name: personName(person.id), detail: hospitalName(person.hospital) };
  return { name: hospitalName(other.hospital), detail: roleName(other.principal) };
}

export function counterpartOf({ request, candidate }: Found): Counterpart {
  if (isOurs(request)) return { name: hospitalName(candidate.hospital), detail: roleName(candidate.role) };
  return { name: hospitalName(request.origin), detail: roleName(request.role) || askerName(request) };
}

export const mayEditTemplates = (): boolean => model.session.isRegistrar || model.session.rolesOnDuty.length > 0;

const isMyRole = (id: string): boolean => model.session.rolesOnDuty.includes(id);

/** The duty role I speak in, in this conversation; null: as myself. */
export function speakingRole(conversation: ConversationView): string | null {
  return conversation.members.map((each) => each.principal).find(isMyRole) ?? null;
}
