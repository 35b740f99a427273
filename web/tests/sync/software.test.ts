/** The hospital's software, let in by its registrar: what is sent, and what never is. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { OpenedSession } from "../../src/sync/opened";
import { type Permission, permissionsOf, readKeys, type Software, written } from "../../src/sync/software";
import { World } from "./world";

const EC = { kty: "EC", crv: "P-384", kid: "1", x: "AA", y: "AA" };
const OFFERED = ["system/Task.r", "system/Task.u", "system/Task.s", "system/MeasureReport.c", "system/Appointment.r"];
const ID = "3f0c6b0e-2d9a-4e0a-9f53-0d2b7a7c1a11";
const HOOK = { id: ID, topic: "alarms", name: "Pager", endpoint: "https://pager.example/", generation: 1 };

let world: World;
let session: OpenedSession;
let software: Software;

beforeEach(async () => {
  world = await World.make();
  session = await world.session(world.registrar);
  software = await session.software();
  world.calls = [];
});
afterEach(() => session.close());

const told = (): unknown[] => world.calls.map(({ method, path, body }) => [method, path, JSON.parse(body || "null")]);
// Put together here: the repository holds nothing that looks like a key.
const pem = (kind: string): string => ["BEGIN", "END"].map((edge) => `-----${edge} ${kind} KEY-----`).join("\nAA\n");
const codeOf = (text: string): string => {
  try {
    readKeys(text);
    return "";
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe("Keys that somebody pasted", () => {
  it("are a set, or one key, and nothing else that stood beside them", () => {
    expect(readKeys(JSON.stringify({ keys: [EC], comment: "KIS" }))).toEqual({ keys: [EC] });
    expect(readKeys(JSON.stringify(EC))).toEqual({ keys: [EC] });
  });

  it("are not sent when one is private, in whatever form", () => {
    expect(codeOf(JSON.stringify({ keys: [EC, { ...EC, d: "AA" }] }))).toBe("client.key_private");
    expect(codeOf(JSON.stringify({ kty: "oct", k: "AA" }))).toBe("client.key_private");
    for (const kind of ["PRIVATE", "RSA PRIVATE", "ENCRYPTED PRIVATE"]) expect(codeOf(pem(kind))).toBe("client.key_private");
  });

  it("are unfit when they are no keys", () => {
    for (const text of ["", "null", "[]", "{}", '{"keys": []}', '{"keys": 1}', pem("PUBLIC")]) expect(codeOf(text)).toBe("client.keys_unfit");
  });
});

describe("What a client may", () => {
  it("has words for what is known, and loses nothing that is not", () => {
    const found = permissionsOf(OFFERED);
    expect(found.flatMap(({ scopes }) => scopes).sort()).toEqual([...OFFERED].sort());
    expect(found).toEqual<Permission[]>([
      { code: "report", scopes: ["system/MeasureReport.c"] },
      { code: "tasks", scopes: ["system/Task.r", "system/Task.s"] },
      { code: "move", scopes: ["system/Task.u"] },
      { code: null, scopes: ["system/Appointment.r"] },
    ]);
  });

  it("is written as SMART writes it", () => {
    expect(written(["system/Task.r", "system/Task.s", "system/Location.r"])).toBe("system/Task.rs system/Location.r");
    expect(written([])).toBe("");
  });
});

describe("Clients", () => {
  it("are saved under the same id however often, with the keys or their address", async () => {
    for (const call of [`PUT /integration-clients/${ID}`, `POST /integration-clients/${ID}/revoke`]) world.before.set(call, () => ({}));
    await software.saveClient(ID, { name: "KIS", scopes: ["system/Task.r"], jwks: { keys: [EC] } });
    await software.saveClient(ID, { name: "KIS", scopes: ["system/Task.r"], jwks_url: "https://kis.example/jwks" });
    await software.revokeClient(ID);

    expect(told()).toEqual([
      ["PUT", `/integration-clients/${ID}`, { name: "KIS", scopes: ["system/Task.r"], jwks: { keys: [EC] } }],
      ["PUT", `/integration-clients/${ID}`, { name: "KIS", scopes: ["system/Task.r"], jwks_url: "https://kis.example/jwks" }],
      ["POST", `/integration-clients/${ID}/revoke`, {}],
    ]);
  });

  it("tell a refusal by its code", async () => {
    world.before.set("PUT /integration-clients/", () => ({ status: 503, body: { code: "client.keys_unreachable", detail: "" } }));
    await expect(software.saveClient(ID, { name: "KIS", scopes: [], jwks_url: "https://kis.example/" })).rejects.toMatchObject({ code: "client.keys_unreachable" });
  });
});

describe("Webhooks", () => {
  it("show their secret when it is made, and the next one under the next number", async () => {
    world.before.set(`PUT /webhooks/${ID}/secret`, () => ({ body: { ...HOOK, generation: 2, secret: "whsec_two" } }));
    world.before.set(`PUT /webhooks/${ID}`, () => ({ status: 201, body: { ...HOOK, secret: "whsec_one" } }));
    const { webhook, secret } = await software.saveWebhook(ID, { name: "Pager", endpoint: HOOK.endpoint });
    const renewed = await software.renewSecret(webhook);

    expect([secret, renewed.secret, renewed.webhook.generation]).toEqual(["whsec_one", "whsec_two", 2]);
    expect(webhook).not.toHaveProperty("secret");
    expect(told()).toEqual([
      ["PUT", `/webhooks/${ID}`, { topic: "alarms", name: "Pager", endpoint: HOOK.endpoint }],
      ["PUT", `/webhooks/${ID}/secret`, { generation: 2 }],
    ]);
  });

  it("have none to show when the answer that had it was lost and they are saved again", async () => {
    world.before.set(`PUT /webhooks/${ID}`, () => ({ status: 200, body: HOOK }));
    expect((await software.saveWebhook(ID, { name: "Pager", endpoint: HOOK.endpoint })).secret).toBeNull();
  });

  it("are tried, and ended", async () => {
    world.before.set(`POST /webhooks/${ID}/try`, () => ({ body: { status: 204, milliseconds: 12 } }));
    world.before.set(`POST /webhooks/${ID}/end`, () => ({}));
    expect(await software.tryWebhook(ID)).toEqual({ status: 204, milliseconds: 12 });
    await software.endWebhook(ID);
    expect(world.calls.map(({ path }) => path)).toEqual([`/webhooks/${ID}/try`, `/webhooks/${ID}/end`]);
  });
});
