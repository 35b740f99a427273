/** A stand-in for `Wardline` with invented people and hospitals. `?phase=` and `?as=` (`origin`, `destination`) choose what is shown. */
import type { Audit, AuditEvent, AuditExport } from "../src/sync/audit";
import type { RequestTemplate, Statistics, StatisticsQuery, StatisticsTotal } from "../src/sync/numbers";
import type { Port } from "../src/features/port";
import type {
  Alarm, BedRequest, BoardHospital, BoardUnit, Candidate, CandidateAction, CandidateState, ConversationView, DeviceInfo, DirectoryView, Duty, DutyRole, EscalationChain, LogView,
  KeyRenewal, RestorationView, MessageView, PendingMember, Phase, Readable, SessionState, Settings,
} from "../src/sync/types";

class Cell<T> implements Readable<T> {
  #runs = new Set<(value: T) => void>();
  constructor(public value: T) {}
  subscribe(run: (value: T) => void): () => void {
    this.#runs.add(run);
    run(this.value);
    return () => this.#runs.delete(run);
  }
  set(value: T): void {
    this.value = value;
    for (const run of this.#runs) run(value);
  }
}

const minutesAgo = (minutes: number): string => new Date(Date.now() - minutes * 60_000).toISOString();
const inMinutes = (minutes: number): string => minutesAgo(-minutes);
const FINGERPRINT = "48213 90177 33502 61948 07731 25509";

const HOSPITALS = [
  ["adler", "Kreiskrankenhaus Auental", "Auental"], ["uk", "Universitätsklinikum Musterstadt", "Musterstadt"], ["west", "Klinikum West", "Westheim"],
  ["nord", "St.-Anna-Krankenhaus Nord", "Nordhausen"], ["sued", "Klinik Süd", "Südlingen"],
] as const;

const TROUBLE: LogView["trouble"] = {
  code: "directory.withheld", by: "p-brandt", mine: { size: 411, digits: "77013 26480 91152 08846 33907 51274" }, shown: { size: 412, digits: FINGERPRINT },
};

function directory(query: URLSearchParams): DirectoryView {
  const person = (id: string, hospital: string, name: string, profession = "physician", unit = "", speciality = profession === "physician" ? "anaesthesia" : "") => ({
    id, hospital, kind: "human" as const, isRegistrar: id === "p-reg", name, title: profession === "physician" ? "Dr." : "", profession, speciality, unit, isProved: true, fingerprint: FINGERPRINT,
  });
  return {
    hospitals: HOSPITALS.map(([id, name, city]) => ({ id, slug: id, name, city, latitude: 50, longitude: 9 })),
    people: [
      person("p-adler", "adler", "Miriam Adler", "physician", "Anästhesie"), person("p-brandt", "uk", "Jonas Brandt", "physician", "Intensivmedizin"),
      person("p-celik", "uk", "Selin Çelik", "physician", "Intensivmedizin"), person("p-weber", "adler", "Thomas Weber", "physician", "Innere Medizin"),
      person("p-koenig", "adler", "Lena König", "nurse", "ITS 2"), person("p-reg", "uk", "Petra Sommer", "coordinator"), person("p-ost", "west", "Karl Osterhagen"),
    ],
    roles: [["uk-2", "uk", "Hintergrunddienst Intensiv"], ["west-2", "west", "Hintergrunddienst"]].map(([id, hospital, name]): DutyRole => ({
      id: `r-${id}`, hospital: hospital ?? "", unit: null, name: name ?? "", categories: ["icu-high"], eligible: ["p-celik"], isProved: true, onDuty: null,
    })).concat(HOSPITALS.map(([id]) => ({
      id: `r-${id}`, hospital: id, unit: null, name: id === "adler" ? "Oberarzt Hintergrund" : "Intensivkoordination", categories: id === "uk" ? ["icu-high", "icu-low", "imc"] : [], isProved: true,
      eligible: ["p-adler", "p-weber", "p-brandt", "p-celik"], onDuty: { person: null, since: minutesAgo(300), until: inMinutes(200) },
    }))),
    logs: HOSPITALS.map(([hospital]) => ({ hospital, size: 412, digits: FINGERPRINT, rootDigits: FINGERPRINT, signedSize: 412, trouble: hospital === query.get("troubled") ? TROUBLE : null, warnings: [] })),
    aboutMe: query.get("aboutMe") ? [{ digest: "d", kind: "device", device: "d3", at: minutesAgo(30) }] : [],
  };
}

function unit(id: string, name: string, category: BoardUnit["category"], staffed: number, occupied: number, age: number, more: Partial<BoardUnit> = {}): BoardUnit {
  const held = more.held ?? 0;
  const blocked = more.blocked ?? 0;
  return {
    capacity: id, unit: `u-${id}`, name, category, staffed, occupied, blocked, held, available: staffed - occupied - blocked - held, capabilities: [],
    reported_at: minutesAgo(age), is_stale: age > 720, source: "manual", version: 1, override: "", is_by_bed: false, reserve_24h: null, reserve_72h: null,
    assessment: "unknown", limits: [], free_ecmo: null, free_crrt: null, sex_restriction: "", age_bands: [], ...more,
  };
}

function templates(): RequestTemplate[] {
  const need = { category: "icu-high" as const, urgency: "asap" as const, age_band: "adult", transport_mode: "ground", version: 1 };
  return [
    { ...need, id: "t1", speciality: "pneumology", capabilities: ["invasive-vent", "ecmo"] }, { ...need, id: "t2", speciality: "cardiology", category: "imc", capabilities: ["telemetry"] },
    { ...need, id: "t3", speciality: "neurosurgery", capabilities: ["invasive-vent"], urgency: "stat" }, { ...need, id: "t4", speciality: "neonatology", category: "nicu", age_band: "neonate", capabilities: ["niv"] },
  ];
}

function statistics({ side, group, since }: StatisticsQuery): Statistics {
  const keys = { hospital: HOSPITALS.map(([id]) => id), category: ["icu-high", "imc"], urgency: ["stat", "asap"], hour: ["0", "1", "2", "3", "7", "14", "22", "23"] }[group];
  const row = (n: number): StatisticsTotal => ({
    asked: n, open: 1, escalated: n % 3, ended: { arrived: n - 4, declined: 2, withdrawn: 1 }, declined_because: { "no-bed": 1, "no-staff": 1 },
    times: { acknowledge: { count: n, median: n * 20, p90: n * 55 }, offer: { count: n, median: n * 60, p90: n * 99 }, confirm: { count: 4, median: null, p90: null }, arrive: { count: 2, median: null, p90: null } },
  });
  const name = (key: string): string | null => HOSPITALS.find(([id]) => id === key)?.[1] ?? null;
  const rows = keys.map((key, index) => ({ key, name: name(key), ...row(6 + index * 3) }));
  return { side, group, since, until: new Date().toISOString().slice(0, 10), time_zone: "Europe/Berlin", total: row(60), rows };
}

function board(): BoardHospital[] {
  const house = (hospital: string, distance_km: number, units: BoardUnit[]): BoardHospital => ({ hospital, distance_km, stale_after_seconds: 43_200, roles: [{ role: `r-${hospital}`, categories: [], escalates_to: [], on_duty: hospital !== "sued" }], units });
  return [
    house("uk", 34.2, [
      unit("uk1", "ITS 1 Anästhesie", "icu-high", 18, 15, 12, { held: 1, capabilities: ["invasive-vent", "ecmo", "crrt"] }),
      unit("uk2", "ITS 2 Innere", "icu-high", 14, 14, 26, { capabilities: ["invasive-vent", "crrt"] }),
      unit("uk3", "IMC Chirurgie", "imc", 10, 7, 48, { blocked: 1, capabilities: ["niv", "telemetry"] }),
    ]),
    house("west", 21.7, [unit("w1", "Intensivstation", "icu-high", 12, 10, 4, { capabilities: ["invasive-vent"] }), unit("w2", "Station 4 B", "ward", 32, 28, 90)]),
    house("nord", 52.9, [unit("n1", "Interdisziplinäre ITS", "icu-high", 10, 9, 55, { capabilities: ["invasive-vent", "crrt"] })]),
    house("sued", 12.1, [unit("s1", "Intensivstation", "icu-high", 8, 6, 1500, { capabilities: ["invasive-vent"] })]),
    house("adler", 0, [unit("a1", "ITS", "icu-low", 8, 7, 35, { capabilities: ["niv"] }), unit("a2", "Innere 3", "ward", 30, 26, 150, { blocked: 1 })]),
  ];
}

const ALARMS: Alarm[] = [
  { position: 0, role: "r-west", whom: "holder", how: "push", raised_at: minutesAgo(6), reached_at: null, failed_at: minutesAgo(5.5), failure: "not-reached" },
  { position: 1, role: "r-west-2", whom: "holder", how: "alarm", raised_at: minutesAgo(5.5), reached_at: minutesAgo(5.4), failed_at: null, failure: "" },
];
let chain: EscalationChain = {
  role: "r-uk", version: 1, important: [],
  normal: [{ wait: 120, target: null, whom: "holder", how: "alarm" }, { wait: 300, target: "r-uk-2", whom: "eligible", how: "alarm" }],
};
let settings: Settings = { quiet_from: "22:00", quiet_until: "06:30", time_zone: "Europe/Berlin" };

function candidate(request: string, hospital: string, state: CandidateState, actions: CandidateAction[], more: Partial<Candidate> = {}): Candidate {
  return {
    id: `${request}-${hospital}`, hospital, role: `r-${hospital}`, conversation: `c-${request}-${hospital}`, state, reason: "", wave: 1, asked_at: minutesAgo(7), acknowledge_by: inMinutes(3.4), escalation: 0,
    alarms: [], next_alarm: state === "submitted" ? { role: `r-${hospital}`, whom: "holder", how: "push" } : null,
    hold: null, offer: null, version: 1, changed_at: minutesAgo(2), actions, ...more,
  };
}

function requests(side: string): BedRequest[] {
  const base = { requester: "p-adler", software: "", role: "r-adler", age_band: "adult", sex: "", transport_mode: "ground", closed_at: null, wave_interval: null, next_wave_at: null };
  const hold = { capacity: "uk1", unit: "u-uk1", bed: null, expires_at: inMinutes(27.3) };
  if (side === "destination") {
    return [
      { ...base, id: "q1", origin: "adler", category: "icu-high", capabilities: ["invasive-vent", "crrt"], urgency: "stat", created_at: minutesAgo(1.6), candidates: [candidate("q1", "uk", "submitted", ["acknowledge", "decline"])] },
      { ...base, id: "q2", origin: "nord", requester: "p-ost", role: null, category: "imc", capabilities: ["telemetry"], urgency: "urgent", created_at: minutesAgo(38), candidates: [candidate("q2", "uk", "acknowledged", ["request-info", "hold", "decline"])] },
      { ...base, id: "q3", origin: "west", requester: "p-ost", role: null, category: "icu-high", capabilities: [], urgency: "asap", created_at: minutesAgo(180), candidates: [candidate("q3", "uk", "in-transit", ["arrive"])] },
    ];
  }
  return [
    {
      ...base, id: "q1", origin: "adler", category: "icu-high", capabilities: ["invasive-vent", "crrt"], urgency: "stat", created_at: minutesAgo(7),
      candidates: [
        candidate("q1", "west", "submitted", ["withdraw", "cancel"], { escalation: 1, acknowledge_by: inMinutes(1.2), alarms: ALARMS }), candidate("q1", "uk", "held", ["confirm", "withdraw", "cancel"], { hold }),
        candidate("q1", "nord", "info-requested", ["answer-info", "withdraw", "cancel"]), candidate("q1", "sued", "declined", [], { reason: "no-staff" }),
      ],
    },
    {
      ...base, id: "q2", origin: "adler", category: "imc", capabilities: ["niv"], urgency: "urgent", created_at: minutesAgo(64),
      candidates: [candidate("q2", "uk", "confirmed", ["arrange-transport", "withdraw", "cancel"], { hold: { ...hold, capacity: "uk3" } }), candidate("q2", "west", "withdrawn", [], { reason: "other-hospital-confirmed" })],
    },
    {
      ...base, id: "q3", origin: "adler", category: "icu-high", capabilities: ["invasive-vent"], urgency: "asap", created_at: minutesAgo(4), wave_interval: 900, next_wave_at: inMinutes(11.2),
      candidates: [
        candidate("q3", "uk", new URLSearchParams(location.search).has("busy") ? "acknowledged" : "submitted", ["withdraw", "cancel"]), ...["west", "nord"].map((each) => candidate("q3", each, "draft", ["submit", "cancel"], { wave: 2, asked_at: null, acknowledge_by: null })),
        candidate("q3", "sued", "draft", ["submit", "cancel"], { wave: 3, asked_at: null, acknowledge_by: null }),
      ],
    },
  ];
}

function messages(conversation: string, me: string): MessageView[] {
  const line = (n: number, person: string, ago: number, body: MessageView["body"], more: Partial<MessageView> = {}): MessageView => ({
    id: `${conversation}-${n}`, conversation, sequence: n, person, role: person === "p-brandt" ? "r-uk" : "r-adler", isOwn: person === me, priority: "normal", at: minutesAgo(ago), body,
    state: "delivered", acknowledged: [], progress: null, problem: null, ...more,
  });
  const [a, b] = ["p-adler", "p-brandt"];
  if (conversation.startsWith("c-direct")) return [line(1, "p-weber", 1500, { t: "text", text: "Kannst du morgen den Spätdienst tauschen?" }, { role: null }), line(2, me, 1490, { t: "text", text: "Ja, passt." }, { role: null, state: "acknowledged" })];
  return [
    line(1, a, 1500, { t: "text", text: "Testnachricht von gestern." }),
    line(2, a, 7, { t: "text", text: "ARDS bei Influenza, Tag 3. FiO₂ 0,8, PEEP 14, Bauchlage 16 h. Kreatinin 3,1, anurisch seit 6 h." }, { priority: "stat", acknowledged: [{ person: b, role: "r-uk", at: minutesAgo(6) }], state: "acknowledged" }),
    line(3, b, 6, { t: "text", text: "Gesehen. Katecholamine? Bitte letzte BGA als Foto." }),
    line(4, a, 5, { t: "text", text: "Norad 0,3. Foto kommt." }),
    line(5, a, 4, { t: "image", attachment: "x", key: new Uint8Array(32), size: 2_413_000, type: "image/jpeg", width: 3024, height: 4032, caption: "BGA 02:40" } as unknown as MessageView["body"], { state: "delivered" }),
    line(6, b, 3, { t: "text", text: "Danke. Wir können übernehmen, ITS 1, ECMO-Option vorhanden. Bett ist 30 min gehalten." }),
    line(7, a, 1, { t: "text", text: "Bestätige gleich, kläre Transport." }, { state: "sent" }),
    line(8, a, 0.2, { t: "text", text: "Hubschrauber fliegt wegen Nebel nicht, wir fahren." }, { state: "waiting", sequence: null }),
  ];
}

function conversations(side: string): ConversationView[] {
  const mine = requests(side).flatMap((request) => request.candidates.map((each): ConversationView => ({
    id: each.conversation, kind: "case", members: [{ principal: "r-adler", kind: "role", hospital: "adler" }, { principal: each.role, kind: "role", hospital: each.hospital }].slice(0, each.state === "draft" ? 1 : 2), awaited: each.state === "draft" ? [{ principal: each.role, kind: "role", hospital: each.hospital }] : [],
    request: request.id, emergencies: [], lastSequence: 8, lastAt: minutesAgo(3), lastLine: each.state === "held" ? "Danke. Wir können übernehmen, ITS 1, ECMO-Option vorhanden." : each.state === "info-requested" ? "Katecholamine? Aktuelle BGA?" : "", unread: each.state === "held" ? 1 : 0, hasUnreadStat: false,
  })));
  const direct = (id: string, person: string, hospital: string, lastLine: string, ago: number, unread = 0): ConversationView => ({
    id, kind: "direct", members: [{ principal: person, kind: "user", hospital }], awaited: [], emergencies: [], request: null, lastSequence: 2, lastAt: minutesAgo(ago), lastLine, unread, hasUnreadStat: unread > 1,
  });
  return [...mine, direct("c-direct-1", side === "origin" ? "p-weber" : "p-celik", side === "origin" ? "adler" : "uk", "Ja, passt.", 42, 2), direct("c-direct-2", "p-ost", "west", "Rückruf nach der Visite?", 1490)];
}

/** A log of three deeds and an export half made. */
function audit(): Pick<Audit, keyof Audit> {
  const event = (place: number, action: string, outcome: AuditEvent["outcome"] = "success"): AuditEvent => ({
    place, at: minutesAgo(60 - place), action, outcome, hospitals: ["uk"], subjects: { request: "6f1c2b7e-0000-4000-8000-00000000000a" }, detail: { state: "confirmed" }, digest: null, to: [{ principal: "r-uk", kind: "role", hospital: "uk" }, { principal: "7d0c2b7e-0000-4000-8000-00000000000b", kind: "user", hospital: "adler" }, { principal: "a-uk", kind: "archive", hospital: "uk" }], leaf_hash: "5e".repeat(32),
    agent: { person: "p-brandt", name: "Jonas Brandt", title: "Dr.", profession: "physician", hospital: "uk", role: "r-uk", device: null, method: "passkey", is_erased: false },
  });
  const made: AuditExport = {
    id: "e1", format: "bundle", state: "running", wanted: {}, size: 48_211, is_mine: true, progress: { done: 12_000, total: 48_211, events: 12_000, bytes: 9_400_000 }, sha256: null,
    created_at: minutesAgo(1), finished_at: null, expires_at: null, content_url: null,
  };
  const review = { id: "v1", since: minutesAgo(9000), until: minutesAgo(0), scope: "sign_ins", finding: "explained", action: "asked", subject: null, place: null, reviewer: "p-reg", reviewed_at: minutesAgo(30) };
  return {
    events: async () => ({ results: [event(3, "beds.confirm"), event(2, "api.refused", "refused"), event(1, "beds.request")], next: null }),
    activity: async () => [{ hour: minutesAgo(120), events: 41, refused: 2, people: 6 }, { hour: minutesAgo(60), events: 9, refused: 0, people: 3 }], roster: async () => [],
    reviews: async () => [review], addReview: async (given) => ({ ...given, reviewer: "p-reg", reviewed_at: minutesAgo(0) }),
    exports: async () => [made], askExport: async () => made, export: async () => made, deleteExport: async () => undefined,
    witnesses: async () => ({ signed: 48_211, shown: 48_205, results: [{ name: "hohenfeld", state: "late", size: 48_205, cosigned_at: minutesAgo(2), behind_seconds: 120 }] }), signedLog: async () => null,
  };
}

export function inventedWardline(query: URLSearchParams): Port {
  const side = query.get("as") ?? "origin";
  const isEmpty = query.has("empty");
  const [me, hospital] = side === "registrar" ? ["p-reg", "uk"] : side === "destination" ? ["p-brandt", "uk"] : ["p-adler", "adler"];
  const session = new Cell<SessionState>({
    phase: (query.get("phase") ?? "open") as Phase, person: me, device: "d1", hospital, hospitalName: side === "origin" ? "Kreiskrankenhaus Auental" : "Universitätsklinikum Musterstadt",
    isRegistrar: side === "registrar", isLogReader: side === "registrar", rolesOnDuty: side === "registrar" ? [] : [`r-${hospital}`], fingerprint: FINGERPRINT, idleLockSeconds: 300, expiresAt: null, reason: query.has("idle") ? "idle" : null,
  });
  const requestsCell = new Cell(isEmpty ? [] : requests(side === "registrar" ? "destination" : side));
  const boardCell = new Cell(isEmpty ? [] : board());
  const nights = [0, 1, 2, 3].map((day) => ({ person: day % 2 ? "p-celik" : me, since: day ? inMinutes(268 + day * 1440 - 720) : minutesAgo(420), until: inMinutes(268 + day * 1440) }));
  const days = [0, 1, 2].map((day) => ({ person: "p-celik", since: inMinutes(268 + day * 1440), until: inMinutes(268 + day * 1440 + 720) }));
  const shifts = [...nights, ...days].sort((a, b) => a.since.localeCompare(b.since));
  const duty = new Cell<Duty[]>(side === "registrar" ? [] : [
    { role: `r-${hospital}`, holder: me, since: minutesAgo(420), until: inMinutes(268), turns: shifts, gaps: [{ since: inMinutes(268 + 3 * 1440), until: null }] },
    { role: "r-west", holder: null, since: null, until: null, turns: [], gaps: [{ since: minutesAgo(30), until: null }] },
    { role: "r-nord", holder: "p-celik", since: minutesAgo(90), until: inMinutes(600), turns: [], gaps: [] },
  ]);
  const refuse = query.get("refuse");
  const done = async (): Promise<void> => {
    await new Promise((wait) => setTimeout(wait, 60));
    if (refuse) throw Object.assign(new Error(refuse), { code: refuse });
  };
  const move = (id: string, change: Partial<Candidate>): void => requestsCell.set(requestsCell.value.map((request) => ({ ...request, candidates: request.candidates.map((each) => (each.id === id ? { ...each, ...change } : each)) })));
  const TARGET: Partial<Record<CandidateAction, Partial<Candidate>>> = {
    acknowledge: { state: "acknowledged", actions: ["request-info", "hold", "decline"] }, "request-info": { state: "info-requested", actions: ["decline"] }, hold: { state: "held", actions: [] },
    decline: { state: "declined", actions: [] }, confirm: { state: "confirmed", actions: ["arrange-transport", "withdraw"] }, "arrange-transport": { state: "transport-arranged", actions: ["depart", "withdraw"] }, depart: { state: "in-transit", actions: ["divert"] },
  };
  return {
    session, connection: new Cell((query.get("connection") ?? "live") as "live"), waiting: new Cell(Number(query.get("waiting") ?? 0)), directory: new Cell(directory(query)), clockSkew: 0,
    conversations: new Cell(isEmpty ? [] : conversations(side === "registrar" ? "destination" : side)), requests: requestsCell, board: boardCell, duty,
    pendingMembers: new Cell<PendingMember[]>(side === "registrar" ? [{ person: "p-new", name: "Amir Haddad", title: "Dr.", profession: "physician", speciality: "cardiology", unit: "ITS 1", fingerprint: FINGERPRINT, account: null, isRenewal: false }] : []),
    devices: new Cell<DeviceInfo[]>([{ id: "d1", label: "iPhone, Safari", created_at: minutesAgo(90_000), isThis: true }, { id: "d2", label: "Windows, Edge", created_at: minutesAgo(9_000), last_seen_at: minutesAgo(3_000), isThis: false }]),
    restorations: new Cell<RestorationView[]>([]), askOfficers: async () => async () => "7K2QM-9XW4T-BH5RD-3NZ8P-FVJ6C1",
    deposits: async () => ({
      standing: async () => ({ state: "off", officers: [], made_at: null, uses: [] }), wantAgain: async () => ({ state: "kept", officers: [], made_at: null, uses: [] }),
      decline: async () => ({ state: "declined", officers: [], made_at: null, uses: [] }), overview: async () => ({ officers: [], away: [], proposals: [] }),
      keep: done, look: done, approve: done, end: done, propose: done, confirm: done, withdraw: done, start: async () => ({ address: location.origin, expiresAt: inMinutes(1440) }),
    }),
    keyRenewal: new Cell<KeyRenewal | null>(query.has("renewal") ? { stage: query.get("renewal") as KeyRenewal["stage"], fingerprint: FINGERPRINT } : null),
    renewal: async () => ({ prepare: async () => "7K2QM-9XW4T-BH5RD-3NZ8P-FVJ6C1", offer: done, open: done, look: done, settle: done, dismiss: () => undefined }),
    messages: (conversation) => new Cell(isEmpty ? [] : messages(conversation, me)),
    refresh: async () => undefined, start: async () => undefined,
    lookAtInvitation: async () => { await done(); return { hospital: { id: "uk", name: "Universitätsklinikum Musterstadt" }, name: "Amir Haddad", title: "Dr.", profession: "physician", speciality: "cardiology", unit: "ITS 1", root: "", person: "p-new", sso: null }; },
    returnedFor: null, leaveFor: done, comeBack: async () => ({ purpose: "sign-in", label: "" }),
    join: async () => { await done(); session.set({ ...session.value, phase: "pending" }); return { recoveryCode: "7K2QM-9XW4T-BH5RD-3NZ8P-FVJ6C1", fingerprint: FINGERPRINT }; },
    beginFounding: async () => { await done(); return { token: "t", hospital: { id: "uk", name: "Universitätsklinikum Musterstadt" }, person: "p-new", root: new Uint8Array(16), rootCode: "3NZ8P-7K2QM-BH5RD-9XW4T-FVJ6C1", rootFingerprint: FINGERPRINT, recovery: new Uint8Array(16), recoveryCode: "7K2QM-9XW4T-BH5RD-3NZ8P-FVJ6C1" }; },
    found: done, answerLink: async () => done, addByPasskey: done, unlock: done, recover: done, lock: () => session.set({ ...session.value, phase: "locked" }), signOut: done, wipe: done,
    makeLink: async () => ({ address: `${location.origin}/#/link/mJ3n0b9cH4xk0Zr1yQ7vT2wLs8dPq5aE6uGfKiNoRtY.Zx1cV2bN3mA4sD5fG6hJ7kL8qW9eR0tY1uI2oP3aS4d`, expiresAt: inMinutes(10), look: async () => null, approve: done, refuse: done }), acceptDirectory: done, dismissAboutMe: done,
    sendText: async () => { await done(); return "m"; }, sendImage: async () => { await done(); return "m"; }, sendIdentity: async () => { await done(); return "m"; },
    openImage: async () => {
      const canvas = new OffscreenCanvas(900, 1200);
      const paint = canvas.getContext("2d") as OffscreenCanvasRenderingContext2D;
      paint.fillStyle = "#f7f5ee"; paint.fillRect(0, 0, 900, 1200); paint.fillStyle = "#222"; paint.font = "44px monospace";
      ["BGA arteriell 02:40", "", "pH      7,21", "pCO2    68 mmHg", "pO2     61 mmHg", "HCO3    21,4 mmol/l", "BE      -5,8", "Laktat  4,2 mmol/l"].forEach((text, row) => paint.fillText(text, 70, 140 + row * 84));
      return canvas.convertToBlob({ type: "image/jpeg" });
    },
    acknowledge: done, markRead: async () => undefined, startDirect: async () => "c-direct-1", beginConversation: async () => "c-direct-1", retry: done, discard: done,
    requestBed: async () => { await done(); return "q1"; }, act: async (each, action) => { await done(); move(each.id, TARGET[action] ?? {}); }, cancelRequest: done,
    receipt: async (candidate) => {
      await done();
      const signed = [{ hospital: "uk", by: "p-brandt", role: "r-uk", at: minutesAgo(20) }, { hospital: "adler", by: "p-adler", role: "r-adler", at: minutesAgo(12) }];
      return { candidate, file: new Blob(["{}"]), minutes: 30, signed, roots: { uk: FINGERPRINT, adler: "10429 66013 92755 30187 44620 81936" } };
    },
    loadRequest: async () => { throw new Error("none"); },
    watchBoard: () => () => undefined, boardAt: new Cell<string | null>(minutesAgo(0)),
    reportFigure: async (each, said) => {
      await done();
      const next = { ...each, ...said, available: said.staffed - said.occupied - said.blocked - each.held, reported_at: new Date().toISOString(), version: each.version + 1 };
      boardCell.set(boardCell.value.map((house) => ({ ...house, units: house.units.map((one) => (one.capacity === each.capacity ? next : one)) })));
      return next;
    },
    loadChain: async (role) => { await done(); return chain.role === role ? chain : { role, version: 0, normal: [], important: [] }; },
    saveChain: async (saved) => { await done(); chain = { ...saved, version: saved.version + 1 }; return chain; },
    loadSettings: async () => settings,
    setQuietHours: async (quiet_from, quiet_until) => { await done(); settings = { ...settings, quiet_from, quiet_until }; return settings; },
    rosters: {
      load: async (role) => ({ role, version: 1, time_zone: "Europe/Berlin", turns: shifts.map((turn) => ({ ...turn, is_planned: true })), gaps: [{ since: inMinutes(268 + 3 * 1440), until: null }], patterns: [{ id: "n", person: "p-celik", weekdays: [1, 2, 3, 4, 5, 6, 7], begins: "19:00", ends: "07:00", first: "2026-11-01", last: null, every: 1 }], shifts: [] }),
      saveShift: done, deleteShift: done, savePattern: done, deletePattern: done,
      importCsv: async () => { await done(); return { is_applied: false, lines: 2, added: 1, removed: 0, problems: [{ line: 3, code: "roster.line_person" }] }; },
    },
    emergencies: { begin: async () => { await done(); throw new Error("none"); }, end: done },
    signIns: { list: async () => [], end: done, endOthers: async () => 0 },
    registry: { appointAuditor: done, endAuditor: done, ssoSettings: done, saveSso: done, endSso: done, ssoAccounts: async () => [], unbindSso: done },
    audit: audit(), templates: new Cell(templates()), saveTemplate: done, deleteTemplate: done, statistics: async (query) => statistics(query), statisticsCsv: async () => new Blob(["side\r\n"]),
    undoFigure: async (each) => { await done(); return boardCell.value.flatMap((house) => house.units).find((one) => one.capacity === each.capacity) as BoardUnit; },
    figureHistory: async () => ({ since: minutesAgo(10_080), until: minutesAgo(0), is_thinned: false, points: [] }),
    singleBeds: async () => [], reportBed: async (bed) => ({ bed, figure: boardCell.value[0]?.units[0] as BoardUnit }),
    takeDuty: async (role) => { await done(); duty.set(duty.value.map((each) => (each.role === role ? { ...each, holder: me, since: minutesAgo(0) } : each))); },
    handOver: async (role, person) => { await done(); duty.set(duty.value.map((each) => (each.role === role ? { ...each, holder: person } : each))); },
    createInvitation: async () => { await done(); return { address: `${location.origin}/#/join/aJ3n0b9cH4xk0Zr1yQ7vT2wLs8dPq5aE6uGfKiNoRtY.Bx1cV2bN3mA4sD5fG6hJ7kL8qW9eR0tY1uI2oP3aS4d`, expiresAt: inMinutes(4000) }; },
    approveMember: done, endMembership: done, revokeDevice: done, enablePush: done,
  };
}
