/**
 * Two hospitals' people with real keys and real statements, and a server that knows only what a server may: it keeps ciphertext and hands it
 * out. It stands behind `fetch`, so everything above the network is the product's own code.
 */
import "fake-indexeddb/auto";
import { vi } from "vitest";
import {
  b64u, type Bodies, type Bytes, concat, keyId, leafHash, makeDeviceKey, makeProfile, makeStatement, parseEpochHeader, parseMessageHeader, principalKeys,
  type PrincipalKeys, profileDigest, random, sealRoleSeed, sha256, type SigningKey, type StatementKind, Tree, unb64u, utf8, wrapsDigest,
} from "../../src/crypto";
import { LocalStore } from "../../src/store";
import { Api } from "../../src/sync/api";
import { Keyring } from "../../src/sync/keyring";
import { OpenedSession } from "../../src/sync/opened";
import type { EpochWire, MessageWire } from "../../src/sync/wire";

const AT = "2026-03-01T12:00:00.000Z";

/** A hospital with its root and a registrar; whom it states are proved once the world's own hospital accepted it. */
export interface House { id: string; root: SigningKey; registrar: Somebody }
export interface Somebody { id: string; seed: Bytes; keys: PrincipalKeys; device: string; deviceKey: SigningKey; profile: Bytes }
type Handler = (body: unknown, path: string, headers: Headers) => { status?: number; body?: unknown } | undefined;

export class World {
  readonly hospital = crypto.randomUUID();
  root!: SigningKey;
  registrar!: Somebody;
  statements: { order: number; hospital: string; place: number; h: string; s: string; leaf: null }[] = [];
  /** What the service shows of them at the moment; a lie, if it is not all. */
  shows: (all: World["statements"]) => World["statements"] = (all) => all;
  isSigning = true;
  /** Hospitals beside the world's own. */
  partners: string[] = [];
  /** What the service signs heads with. */
  logKey!: SigningKey;
  people: { id: string; hospital: string; profile: string; kind: "human" | "archive"; is_registrar: boolean }[] = [];
  roles: { id: string; hospital: string; unit: null; profile: string; categories: string[]; on_duty: null }[] = [];
  duty: { role: string; holder: string | null; since: null; until: null; sealed: string; generation: number; keys: { generation: number; history: null }[] }[] = [];
  conversations = new Map<string, { members: string[]; awaited?: string[]; epochs: EpochWire[]; messages: MessageWire[]; hidden?: boolean }>();
  calls: { method: string; path: string; body: string; key: string | null }[] = [];
  /** Answers put before the server's own, by "METHOD /path" prefix; `undefined` passes on. */
  before = new Map<string, Handler>();
  isOffline = false;
  /** Milliseconds the service's clock is ahead of this device's. */
  clockAhead = 0;

  static async make(): Promise<World> {
    const world = new World();
    const rootSeed = random(32);
    world.root = (await principalKeys(rootSeed)).sign;
    world.logKey = (await principalKeys(random(32))).sign;
    world.registrar = await world.somebody();
    await world.state("root", world.hospital, { sign: world.root.publicKey }, world.hospital, world.root);
    await world.state("registrar", world.registrar.id, { sign: world.registrar.keys.sign.publicKey }, world.hospital, world.root);
    vi.stubGlobal("fetch", (url: string, init: RequestInit) => world.answer(url, init));
    vi.stubGlobal("document", { cookie: "csrftoken=tok", addEventListener: vi.fn(), removeEventListener: vi.fn(), visibilityState: "visible" });
    vi.stubGlobal("removeEventListener", vi.fn());
    vi.stubGlobal("location", { origin: "https://ward.example", protocol: "https:", host: "ward.example" });
    return world;
  }

  async somebody(): Promise<Somebody> {
    const seed = random(32);
    const ids = { id: crypto.randomUUID(), device: crypto.randomUUID() };
    return { ...ids, seed, keys: await principalKeys(seed), deviceKey: await makeDeviceKey(), profile: new Uint8Array() };
  }

  async state<K extends StatementKind>(kind: K, subject: string, body: Bodies[K], by: string, key: SigningKey, at = AT, hospital: string = this.hospital): Promise<void> {
    const { h, s } = await makeStatement({ kind, hospital, subject, body, by, at }, key);
    this.take({ h: b64u(h), s: b64u(s) }, hospital);
  }

  take(statement: { h: string; s: string }, hospital: string = this.hospital): void {
    this.statements.push({ order: this.statements.length + 1, hospital, place: 0, ...statement, leaf: null });
  }

  /** Another hospital, which the world's own has accepted. */
  async partner(): Promise<House> {
    const [id, { sign: root }, registrar] = [crypto.randomUUID(), await principalKeys(random(32)), await this.somebody()];
    await this.state("partner", id, { root: root.publicKey }, this.registrar.id, this.registrar.keys.sign);
    await this.state("root", id, { sign: root.publicKey }, id, root, AT, id);
    await this.state("registrar", registrar.id, { sign: registrar.keys.sign.publicKey }, id, root, AT, id);
    this.partners.push(id);
    return { id, root, registrar };
  }

  /** The signed head of what is shown of one hospital's log. */
  async head(hospital: string, shown: readonly { h: string; s: string }[]): Promise<{ order: number; hospital: string; note: string; key: string }> {
    const tree = new Tree();
    for (const { h, s } of shown) tree.leaves.push(await leafHash({ h: unb64u(h), s: unb64u(s) }));
    const origin = `ward.example/audit/directory/${hospital}`;
    const text = `${origin}\n${tree.size}\n${base64(await tree.rootAt(tree.size))}\n`;
    const { privateKey, publicKey } = this.logKey;
    const keyId = (await sha256(utf8(`${origin}\n`), Uint8Array.of(1), publicKey)).slice(0, 4);
    const signature = new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, utf8(text)));
    const note = `${text}\n\u2014 ${origin} ${base64(concat(keyId, signature))}\n`;
    return { order: this.statements.length + 1, hospital, note, key: b64u(publicKey) };
  }

  /** A member that `house`'s registrar vouches for, with one device; `isProved` false: the server lists them, nobody signed. */
  async member(name: string, isProved = true, house: House = { id: this.hospital, root: this.root, registrar: this.registrar }): Promise<Somebody> {
    const { id, registrar } = house;
    const made = await this.somebody();
    made.profile = makeProfile({ name, title: "", profession: "physician", speciality: "", unit: "" });
    const { kem, sign } = made.keys;
    if (isProved) {
      const keys = { generation: 1, kem: kem.publicKey, sign: sign.publicKey, profile: await profileDigest(made.profile) };
      await this.state("member", made.id, keys, registrar.id, registrar.keys.sign, AT, id);
      await this.state("device", made.device, { principal: made.id, sign: made.deviceKey.publicKey }, made.id, sign, AT, id);
    }
    this.people.push({ id: made.id, hospital: id, profile: b64u(made.profile), kind: "human", is_registrar: false });
    return made;
  }

  async role(name: string, holder: Somebody): Promise<{ id: string; seed: Bytes }> {
    const made = { id: crypto.randomUUID(), seed: random(32) };
    const profile = makeProfile({ name, title: "", profession: "", speciality: "", unit: "" });
    const { kem } = await principalKeys(made.seed);
    const body = { generation: 1, kem: kem.publicKey, profile: await profileDigest(profile), eligible: [holder.id] };
    await this.state("role", made.id, body, this.registrar.id, this.registrar.keys.sign);
    const statement = unb64u(this.statements.at(-1)?.h ?? "");
    const sealed = b64u(await sealRoleSeed(made.seed, holder.keys.kem.publicKey, statement));
    this.roles.push({ id: made.id, hospital: this.hospital, unit: null, profile: b64u(profile), categories: [], on_duty: null });
    this.duty.push({ role: made.id, holder: holder.id, since: null, until: null, sealed, generation: 1, keys: [{ generation: 1, history: null }] });
    return made;
  }

  /** A session of this person on a fresh browser, loaded and synced; no socket. */
  async session(somebody: Somebody, store?: LocalStore): Promise<OpenedSession> {
    const owner = { person: somebody.id, hospital: this.hospital, device: somebody.device, deviceKey: somebody.deviceKey };
    return this.sessionOf(await Keyring.of(owner, somebody.seed, 1, []), store);
  }

  async sessionOf(ring: Keyring, store?: LocalStore): Promise<OpenedSession> {
    const account = { person: ring.person, hospital: this.hospital, hospitalName: "", credential: "", idleLockSeconds: 900, pins: [[this.hospital, this.root.publicKey] as [string, Bytes]] };
    const opened = new OpenedSession(new Api(), store ?? (await LocalStore.open(crypto.randomUUID())), ring, account, () => undefined);
    await opened.load();
    if (!this.isOffline) await opened.resync();
    return opened;
  }

  async answer(url: string, init: RequestInit): Promise<Response> {
    if (this.isOffline) throw new TypeError("offline");
    const path = url.replace("/api/v1", "");
    const method = init.method ?? "GET";
    const headers = new Headers(init.headers);
    const text = typeof init.body === "string" ? init.body : "";
    this.calls.push({ method, path, body: text, key: headers.get("Idempotency-Key") });
    const body: unknown = text ? JSON.parse(text) : init.body;
    const first = [...this.before].find(([prefix]) => `${method} ${path}`.startsWith(prefix))?.[1](body, path, headers);
    const { status = 200, body: answer = {} } = first ?? (await this.#route(method, path, body));
    return answer instanceof Blob ? new Response(answer) : Response.json(answer, { status });
  }

  async #route(method: string, path: string, body: unknown): Promise<{ status?: number; body?: unknown }> {
    const [, id = "", part = ""] = /^\/conversations\/([^/?]+)\/?([^/?]*)/.exec(path) ?? [];
    const place = this.conversations.get(id);
    if (place && part === "messages" && method === "POST") return this.#take(place, (body as { envelope: { h: string; c: string; s: string } }).envelope);
    if (place && part === "messages") return { body: { results: place.messages.filter(({ sequence }) => sequence > after(path)), last_sequence: place.messages.length } };
    if (place && part === "epochs" && method === "POST") {
      const { epoch } = body as { epoch: EpochIn };
      if (parseEpochHeader(unb64u(epoch.h)).epoch !== place.epochs.length + 1) return { status: 409, body: { code: "epoch.not_next", detail: "" } };
      return { status: 201, body: await this.addEpoch(id, epoch) };
    }
    if (place && part === "epochs") return { body: { results: place.epochs.filter(({ epoch }) => epoch > after(path)) } };
    if (place && part === "delivered") return {};
    if (place) return { body: { ...this.#shown(id), recipients: await this.#recipients([...place.members, ...(place.awaited ?? [])]), receipts: [] } };
    if (path.startsWith("/statements")) {
      // Numbered anew and signed as shown: a service that lies leaves no gap and has its own key.
      const logs = new Map<string, World["statements"]>();
      for (const statement of this.shows(this.statements)) logs.set(statement.hospital, [...(logs.get(statement.hospital) ?? []), statement]);
      const shown = [...logs.values()].flatMap((log) => log.map((statement, place) => ({ ...statement, place }))).sort((a, b) => a.order - b.order);
      const wanted = /hospital=([^&]+)/.exec(path)?.[1];
      const results = shown.filter(({ order, hospital }) => order > after(path) && (!wanted || hospital === wanted));
      return { body: { results, heads: this.isSigning ? await Promise.all([...logs].map(([hospital, log]) => this.head(hospital, log))) : [] } };
    }
    const hospitals = [this.hospital, ...this.partners].map((id) => ({ id, slug: id, name: "Klinikum", city: "", latitude: null, longitude: null, root: null }));
    const fixed: Record<string, unknown> = {
      "/directory": { hospitals, people: this.people, roles: this.roles },
      "/duty": { results: this.duty },
      "/sync": { conversations: [...this.conversations].filter(([, c]) => !c.hidden).map(([each]) => this.#shown(each)), requests_changed_at: null, server_time: new Date(Date.now() + this.clockAhead) },
      "/requests?state=open": { results: [], next: null },
      "/board": { hospitals: [] },
    };
    if (path in fixed) return { body: fixed[path] };
    if (path === "/conversations") {
      const { id: made, members, epoch } = body as { id: string; members: string[]; epoch: EpochIn };
      this.conversations.set(made, { members, epochs: [], messages: [] });
      await this.addEpoch(made, epoch);
      return { status: 201 };
    }
    return { status: 404, body: { code: "not_found", detail: path } };
  }

  #take(place: { messages: MessageWire[]; epochs: EpochWire[] }, { h, c, s }: { h: string; c: string; s: string }) {
    const { id, epoch, by, role, device, priority } = parseMessageHeader(unb64u(h));
    const known = place.messages.find((message) => message.id === id);
    if (known) return { body: { sequence: known.sequence, id, created_at: known.created_at } };
    if (epoch !== place.epochs.length) return { status: 409, body: { code: "epoch.not_current", detail: "", epoch: place.epochs.length } };
    const sequence = place.messages.length + 1;
    const created_at = new Date(Date.parse(AT) + sequence * 1000).toISOString();
    place.messages.push({ sequence, id, epoch, person: by, role, device, priority, created_at, h, c, s, acknowledged: [] });
    return { status: 201, body: { sequence, id, created_at } };
  }

  async addEpoch(id: string, { h, w, s }: EpochIn): Promise<{ epoch: number }> {
    const header = parseEpochHeader(unb64u(h));
    const wraps = header.to.map(([principal], i) => ({ principal, wrap: w[i] ?? "" }));
    this.conversations.get(id)?.epochs.push({ epoch: header.epoch, h, s, wraps_digest: b64u(await wrapsDigest(w.map((each) => unb64u(each)))), wraps });
    return { epoch: header.epoch };
  }

  #shown(id: string) {
    const { members = [], awaited = [], epochs = [], messages = [] } = this.conversations.get(id) ?? {};
    const named = (principals: string[]) => principals.map((principal) => ({ principal, kind: "user", hospital: this.hospital }));
    const last_at = messages.at(-1)?.created_at ?? null;
    return { id, kind: "direct", epoch: epochs.length, last_sequence: messages.length, delivered_sequence: 0, last_at, members: named(members), awaited: named(awaited), request: null };
  }

  async #recipients(members: string[]): Promise<[string, string][]> {
    const kids = members.map(async (id): Promise<[string, string]> => [id, b64u(await keyId(await this.#kem(id)))]);
    return (await Promise.all(kids)).sort(([a], [b]) => (a < b ? -1 : 1));
  }

  async #kem(principal: string): Promise<Bytes> {
    for (const { h } of [...this.statements].reverse()) {
      const read = JSON.parse(new TextDecoder().decode(unb64u(h))) as { subject: string; body: { kem?: string } };
      if (read.subject === principal && read.body.kem) return unb64u(read.body.kem);
    }
    return sha256(new Uint8Array());
  }
}

function base64(bytes: Bytes): string {
  return btoa(String.fromCharCode(...bytes));
}

interface EpochIn { h: string; w: string[]; s: string }

function after(path: string): number {
  return Number(/after=(\d+)/.exec(path)?.[1] ?? 0);
}

/** Waits until `check` gives something. */
export async function until<T>(check: () => T | undefined | null | false): Promise<T> {
  return vi.waitFor(() => {
    const found = check();
    if (!found) throw new Error("not yet");
    return found;
  }, 5000);
}
