/**
 * What the screens are shown: one store each, the same for the life of the page.
 *
 * Invariant: everything but who may unlock is empty while no session is open, because what was shown was opened with keys that are gone.
 */
import type { RequestTemplate } from "./numbers";
import { Value } from "./observable";
import type { OpenedSession } from "./opened";
import type {
  BedRequest, BoardHospital, Connection, ConversationView, DeviceInfo, DirectoryView, Duty, KeyRenewal, PendingMember, Readable, RestorationView, SessionState,
} from "./types";
import { EMPTY_DIRECTORY } from "./types";

export const NOBODY: SessionState = {
  phase: "loading", person: null, device: null, hospital: null, hospitalName: "", isRegistrar: false, isLogReader: false, rolesOnDuty: [], fingerprint: null,
  idleLockSeconds: 0, expiresAt: null, reason: null, sso: null,
};

export class Shown {
  readonly session = new Value<SessionState>(NOBODY);
  readonly connection = new Value<Connection>("offline");
  readonly waiting = new Value(0);
  readonly directory = new Value<DirectoryView>(EMPTY_DIRECTORY);
  readonly conversations = new Value<ConversationView[]>([]);
  readonly requests = new Value<BedRequest[]>([]);
  readonly board = new Value<BoardHospital[]>([]);
  readonly boardAt = new Value<string | null>(null);
  readonly duty = new Value<Duty[]>([]);
  readonly templates = new Value<RequestTemplate[]>([]);
  readonly pendingMembers = new Value<PendingMember[]>([]);
  readonly devices = new Value<DeviceInfo[]>([]);
  readonly restorations = new Value<RestorationView[]>([]);
  readonly keyRenewal = new Value<KeyRenewal | null>(null);

  /** Shows an opened session; returns what ends that. */
  follow(opened: OpenedSession): (() => void)[] {
    return [
      forward(opened.live.connection, this.connection),
      forward(opened.outbox.count, this.waiting),
      forward(opened.conversations.list, this.conversations),
      forward(opened.requests.open, this.requests),
      forward(opened.board.hospitals, this.board),
      forward(opened.board.at, this.boardAt),
      forward(opened.office.duty, this.duty),
      forward(opened.numbers.templates, this.templates),
      forward(opened.vouching.pending, this.pendingMembers),
      forward(opened.office.devices, this.devices),
      forward(opened.renewing, this.keyRenewal),
      forward(opened.restorations, this.restorations),
      forward(opened.ground.trust.view, this.directory),
      opened.office.duty.subscribe(() => this.session.update({ rolesOnDuty: opened.office.rolesHeld() })),
    ];
  }

  clear(): void {
    this.connection.set("offline");
    this.waiting.set(0);
    this.boardAt.set(null);
    this.keyRenewal.set(null);
    this.directory.set(EMPTY_DIRECTORY);
    for (const list of [this.conversations, this.requests, this.board, this.duty, this.templates, this.pendingMembers, this.devices, this.restorations]) list.set([]);
  }
}

function forward<T>(from: Readable<T>, to: Value<T>): () => void {
  return from.subscribe((value) => to.set(value));
}
