// The page enforces Trusted Types: the one script address that is ever made from a string is named here and nowhere else.
const SERVICE_WORKER = "/sw.js";

interface ScriptPolicy {
  createScriptURL(address: string): unknown;
}
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL: (address: string) => string }): ScriptPolicy;
}

const factory = (globalThis as { trustedTypes?: PolicyFactory }).trustedTypes;
const policy = factory?.createPolicy("wardline-worker", { createScriptURL: () => SERVICE_WORKER });

/** Register the service worker (push and offline shell), where the browser has such a thing. Once more is harmless. */
export async function registerServiceWorker(): Promise<void> {
  if (!("serviceWorker" in navigator)) return;
  await navigator.serviceWorker.register((policy?.createScriptURL(SERVICE_WORKER) ?? SERVICE_WORKER) as string);
}
