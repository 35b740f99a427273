/**
 * A real OpenID Connect provider (npm `oidc-provider`) for the tests: accounts in memory, a login page, and a control path by which a test
 * disables an account, ends a session or changes the signing key.
 *
 * Invariant: on loopback alone, and it ends with whoever started it (standard input closes).
 */
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const given = JSON.parse(process.argv[2]);
const accounts = new Map(given.accounts.map((sub) => [sub, { isDisabled: false }]));
const usable = (sub) => accounts.has(sub) && !accounts.get(sub).isDisabled;
let provider;
let issuer;

function newKey() {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: randomBytes(8).toString("hex") };
}

function newProvider() {
  const made = new Provider(issuer, {
    clients: given.clients,
    jwks: { keys: [newKey()] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, backchannelLogout: { enabled: true } },
    claims: { openid: ["sub", "sid"], profile: ["preferred_username"] },
    conformIdTokenClaims: false,
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
    ttl: { AccessToken: 60, AuthorizationCode: 60, Grant: 86400, IdToken: 300, Interaction: 600, RefreshToken: 86400, Session: 86400 },
    // It refuses to call private addresses by itself; here its clients are on loopback.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, sub) => (usable(sub) ? { accountId: sub, claims: () => ({ sub, preferred_username: `${sub}@klinik.example` }) } : undefined),
    // Whoever signs in has agreed: the hospital did so for its staff.
    loadExistingGrant: async (ctx) => {
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope("openid profile offline_access");
      await grant.save();
      return grant;
    },
  });
  return made;
}

async function bodyOf(request) {
  let text = "";
  for await (const part of request) text += part;
  return text;
}

async function interact(request, response) {
  if (request.method === "GET") {
    response.setHeader("Content-Type", "text/html; charset=utf-8");
    return response.end(
      `<!doctype html><html lang="de"><meta name="viewport" content="width=device-width"><title>Klinik-Konto</title><h1>Klinik-Konto</h1>
      <form method="post"><label>Konto <input name="login" autocomplete="off"></label> <button id="sign-in">Anmelden</button></form></html>`,
    );
  }
  const sub = new URLSearchParams(await bodyOf(request)).get("login");
  const result = usable(sub) ? { login: { accountId: sub, amr: ["pwd"] } } : { error: "access_denied", error_description: "disabled" };
  return provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

const CONTROL = {
  disable: ({ sub }) => { accounts.get(sub).isDisabled = true; },
  enable: ({ sub }) => { accounts.get(sub).isDisabled = false; },
  // The provider itself tells the client (Back-Channel Logout 1.0).
  logout: async ({ sub, client }) => (await provider.Client.find(client)).backchannelLogout(sub),
  rotate: () => { provider = newProvider(); },
};

const server = createServer((request, response) => {
  const answer = async () => {
    const [, place, name] = request.url.split(/[/?]/);
    if (place === "interaction") return interact(request, response);
    if (place !== "control") return provider.callback()(request, response);
    await CONTROL[name](JSON.parse(await bodyOf(request)));
    return response.writeHead(204).end();
  };
  answer().catch((error) => response.writeHead(500).end(String(error.stack)));
});

server.listen(given.port ?? 0, "127.0.0.1", () => {
  issuer = `http://127.0.0.1:${server.address().port}`;
  provider = newProvider();
  process.stdout.write(`${issuer}\n`);
});
process.stdin.on("end", () => process.exit(0)).resume();
