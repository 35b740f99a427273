/**
 * The socket, and what stands in for it.
 *
 * Invariant: nothing depends on it. An event lost, a socket blocked by a hospital's proxy, a phone asleep: the sync that follows finds
 * everything. It only makes things quicker.
 */
import { ApiError } from "./api";
import { Value } from "./observable";
import type { Connection } from "./types";

export interface LiveEvents {
  /** Fetch everything that may have changed. */
  resync: () => Promise<void>;
  event: (event: LiveEvent) => void;
  /** The sign-in has ended or was revoked. */
  signedOut: () => void;
}

export interface LiveEvent {
  t: string;
  [member: string]: unknown;
}

const CLOSED_SIGNED_OUT = 4401;
const PING_MS = 25_000;
const SILENCE_MS = 60_000;
const POLL_MS = 15_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class Live {
  readonly connection = new Value<Connection>("offline");
  readonly #events: LiveEvents;
  #socket: WebSocket | null = null;
  #pause = FIRST_PAUSE_MS;
  #heardAt = 0;
  #reconnect: ReturnType<typeof setTimeout> | undefined;
  #ticking: ReturnType<typeof setInterval> | undefined;
  #polledAt = 0;
  #isOpen = false;
  #watchers = 0;
  readonly #wake = () => this.#awake();

  constructor(events: LiveEvents) {
    this.#events = events;
  }

  open(): void {
    this.#isOpen = true;
    addEventListener("online", this.#wake);
    document.addEventListener("visibilitychange", this.#wake);
    this.#ticking = setInterval(() => this.#tick(), PING_MS / 5);
    this.#connect();
    void this.#resync();
  }

  close(): void {
    this.#isOpen = false;
    removeEventListener("online", this.#wake);
    document.removeEventListener("visibilitychange", this.#wake);
    clearInterval(this.#ticking);
    clearTimeout(this.#reconnect);
    this.#socket?.close();
    this.#socket = null;
  }

  get isWatchingBoard(): boolean {
    return this.#watchers > 0;
  }

  /** From now until the function returned is called somebody looks at the board: only then does the server tell of each change there. */
  watchBoard(): () => void {
    this.#watchers += 1;
    if (this.#watchers === 1) this.#tellWatching();
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      this.#watchers -= 1;
      if (this.#watchers === 0) this.#tellWatching();
    };
  }

  #tellWatching(): void {
    if (this.#isLive()) this.#socket?.send(JSON.stringify({ do: "watch", board: this.isWatchingBoard }));
  }

  #connect(): void {
    clearTimeout(this.#reconnect);
    if (!this.#isOpen || this.#socket) return;
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws/v1/`);
    this.#socket = socket;
    this.#heardAt = Date.now();
    socket.onmessage = ({ data }) => this.#hear(String(data));
    socket.onclose = ({ code }) => this.#lost(socket, code);
  }

  #hear(text: string): void {
    this.#heardAt = Date.now();
    const event = JSON.parse(text) as LiveEvent;
    if (event.t === "hello") {
      this.#pause = FIRST_PAUSE_MS;
      if (this.isWatchingBoard) this.#tellWatching();
      // What happened while there was no socket.
      void this.#resync().then(() => this.#socket && this.connection.set("live"));
    } else if (event.t === "resync") void this.#resync();
    else if (event.t !== "pong") this.#events.event(event);
  }

  #lost(socket: WebSocket, code: number): void {
    if (this.#socket !== socket) return;
    this.#socket = null;
    if (!this.#isOpen) return;
    if (code === CLOSED_SIGNED_OUT) return this.#events.signedOut();
    if (this.connection.value === "live") void this.#resync();
    this.#reconnect = setTimeout(() => this.#connect(), this.#pause * (0.5 + Math.random()));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE_MS);
  }

  #tick(): void {
    const now = Date.now();
    if (this.#socket?.readyState === WebSocket.OPEN) {
      // A socket that died in a tunnel says nothing, not even goodbye.
      if (now - this.#heardAt > SILENCE_MS) return this.#drop();
      if (now - this.#heardAt > PING_MS) this.#socket.send(JSON.stringify({ do: "ping" }));
      return;
    }
    if (now - this.#heardAt > SILENCE_MS) this.#drop();
    if (now - this.#polledAt > POLL_MS) void this.#resync();
  }

  #drop(): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#lost(socket, 0);
  }

  #awake(): void {
    if (document.visibilityState === "hidden") return;
    this.#pause = FIRST_PAUSE_MS;
    // A phone that slept may hold a socket that is dead; asking costs little.
    void this.#resync();
    this.#connect();
  }

  async #resync(): Promise<void> {
    this.#polledAt = Date.now();
    try {
      await this.#events.resync();
      if (this.connection.value === "offline" && this.#isOpen) this.connection.set(this.#isLive() ? "live" : "polling");
      else if (this.#isOpen && !this.#isLive()) this.connection.set("polling");
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      // The next tick tries again; `connection` says so meanwhile.
      if (this.#isOpen) this.connection.set("offline");
    }
  }

  #isLive(): boolean {
    return this.#socket?.readyState === WebSocket.OPEN;
  }
}
