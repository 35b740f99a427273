/** What the screens show. Written by the port alone; a screen reads it and asks the port to act. */
import type { BedRequest, BoardHospital, Candidate, Conversation, Duty, Hospital, Id, Message, Person, Port, Role } from "./port";

/** `anonymous`: no sign-in. `pending`: joined, the registrar has yet to approve. `open`: keys are in memory. */
export type Phase = "starting" | "anonymous" | "pending" | "open";

export interface Model {
  phase: Phase;
  me: Id | null;
  hospital: Id | null;
  hospitals: Record<Id, Hospital>;
  people: Record<Id, Person>;
  roles: Record<Id, Role>;
  duties: Duty[];
  board: BoardHospital[] | null;
  requests: BedRequest[] | null;
  conversations: Conversation[] | null;
  threads: Record<Id, Message[]>;
  connection: "fine" | "connecting" | "offline";
  waiting: number;
  pendingCount: number;
}

export function emptyModel(): Model {
  return {
    phase: "starting", me: null, hospital: null, hospitals: {}, people: {}, roles: {}, duties: [], board: null, requests: null, conversations: null,
    threads: {}, connection: "fine", waiting: 0, pendingCount: 0,
  };
}

export const model = $state(emptyModel());

let current: Port | null = null;

export function usePort(port: Port): void {
  current = port;
}

export function port(): Port {
  if (!current) throw new Error("the screens were started without a port");
  return current;
}

// ---- what several screens ask of the model

export function myDuties(): Duty[] {
  return model.duties.filter((duty) => duty.holder === model.me);
}

export function findCandidate(id: Id): { request: BedRequest; candidate: Candidate } | null {
  for (const request of model.requests ?? []) {
    const candidate = request.candidates.find((each) => each.id === id);
    if (candidate) return { request, candidate };
  }
  return null;
}

export function candidateOf(conversation: Id): { request: BedRequest; candidate: Candidate } | null {
  for (const request of model.requests ?? []) {
    const candidate = request.candidates.find((each) => each.conversation === conversation);
    if (candidate) return { request, candidate };
  }
  return null;
}

export function isOurs(request: BedRequest): boolean {
  return request.origin === model.hospital;
}

export function personName(id: Id | null): string {
  const person = id === null ? undefined : model.people[id];
  return person ? [person.title, person.name].filter(Boolean).join(" ") : "";
}

export function hospitalName(id: Id): string {
  return model.hospitals[id]?.name ?? "";
}

export function roleName(id: Id | null): string {
  return (id === null ? undefined : model.roles[id]?.name) ?? "";
}

/** Who a conversation is with, as the sender must always see it: hospital and role, or the person. */
export function counterpart(conversation: Conversation): { name: string; detail: string } {
  const found = candidateOf(conversation.id);
  if (found) {
    const { request, candidate } = found;
    return isOurs(request)
      ? { name: hospitalName(candidate.hospital), detail: roleName(candidate.role) }
      : { name: hospitalName(request.origin), detail: roleName(request.role) || personName(request.requester) };
  }
  const others = conversation.members.filter((id) => id !== model.me);
  const person = others.map((id) => model.people[id]).find(Boolean);
  if (person) return { name: personName(person.id), detail: hospitalName(person.hospital) };
  const role = others.map((id) => model.roles[id]).find(Boolean);
  return role ? { name: role.name, detail: hospitalName(role.hospital) } : { name: "", detail: "" };
}
