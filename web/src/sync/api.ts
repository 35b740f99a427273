/**
 * The HTTP API.
 *
 * Invariant: a write carries its idempotency key on every attempt, so trying again never does a thing twice; a failure is an `ApiError` with
 * a stable code, `network.offline` when the server was not reached.
 */
import type { ErrorBody } from "./types";

export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly body: ErrorBody;

  constructor(status: number, body: ErrorBody) {
    super(body.code);
    this.name = "ApiError";
    this.status = status;
    this.code = body.code;
    this.detail = body.detail;
    this.body = body;
  }

  /** Trying again may help: the server was not reached, is busy, or failed. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

interface Call {
  method: string;
  path: string;
  body?: BodyInit;
  type?: string;
  key?: string;
  headers?: Record<string, string>;
}

const BASE = "/api/v1";
// What is not under it: the public side of the audit logs.
const ELSEWHERE = ["/api/", "/audit/logs/"];
// A refusal here is about somebody's link or invitation, not about this device: a stranger's link must not empty it.
const STRANGERS = ["/enrolment", "/device-links/look", "/device-links/claim", "/device-links/wait", "/passkeys/", "/invitations/look", "/recoveries/open", "/restorations/look", "/restorations/ask", "/restorations/wait", "/sso/"];
const TIMEOUT_MS = 30_000;
// A chunk of 1 MiB at 50 kbit/s; slower than that, a fresh connection is worth a try.
const BYTES_TIMEOUT_MS = 180_000;

export class Api {
  /** Called when the server no longer knows this sign-in. */
  onSignedOut: (code: string) => void = () => undefined;

  async get<T>(path: string): Promise<T> {
    return (await (await this.#call({ method: "GET", path })).json()) as T;
  }

  /** `key` is given where the same request may be tried again later. */
  async post<T>(path: string, body: unknown = {}, key: string = crypto.randomUUID(), headers: Record<string, string> = {}): Promise<T> {
    return this.postText(path, JSON.stringify(body), key, headers);
  }

  /** A body that was written before: the identical bytes of every attempt. */
  async postText<T>(path: string, body: string, key: string, headers: Record<string, string> = {}): Promise<T> {
    return read<T>(await this.#call({ method: "POST", path, body, type: "application/json", key, headers }));
  }

  async put<T>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<T> {
    const call = { method: "PUT", path, body: JSON.stringify(body), type: "application/json", headers };
    return read<T>(await this.#call({ ...call, key: crypto.randomUUID() }));
  }

  async patch<T>(path: string, body: unknown): Promise<T> {
    const call = { method: "PATCH", path, body: JSON.stringify(body), type: "application/json" };
    return read<T>(await this.#call({ ...call, key: crypto.randomUUID() }));
  }

  async putBytes(path: string, body: Blob): Promise<void> {
    await this.#call({ method: "PUT", path, body, type: "application/octet-stream", key: crypto.randomUUID() });
  }

  async delete(path: string, headers: Record<string, string> = {}): Promise<void> {
    await this.#call({ method: "DELETE", path, headers, key: crypto.randomUUID() });
  }

  async text(path: string): Promise<string> {
    return (await this.#call({ method: "GET", path })).text();
  }

  async blob(path: string): Promise<Blob> {
    return (await this.#call({ method: "GET", path })).blob();
  }

  async #call({ method, path, body, type, key, headers = {} }: Call): Promise<Response> {
    const sent = new Headers(headers);
    if (type) sent.set("Content-Type", type);
    if (key) sent.set("Idempotency-Key", key);
    if (method !== "GET") sent.set("X-CSRFToken", cookie("csrftoken"));
    const url = ELSEWHERE.some((prefix) => path.startsWith(prefix)) ? path : BASE + path;
    const signal = AbortSignal.timeout(body instanceof Blob || path.endsWith("/content") ? BYTES_TIMEOUT_MS : TIMEOUT_MS);
    const answer = await fetch(url, { method, body: body ?? null, headers: sent, credentials: "same-origin", signal }).catch(() => null);
    if (!answer) throw new ApiError(0, { code: "network.offline", detail: "" });
    if (!answer.ok) throw this.#refused(path, answer.status, await errorBody(answer));
    return answer;
  }

  #refused(path: string, status: number, body: ErrorBody): ApiError {
    if (status === 401 && !STRANGERS.some((prefix) => path.startsWith(prefix))) this.onSignedOut(body.code);
    return new ApiError(status, body);
  }
}

async function read<T>(answer: Response): Promise<T> {
  const text = await answer.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

async function errorBody(answer: Response): Promise<ErrorBody> {
  const fallback = { code: `http.${answer.status}`, detail: answer.statusText };
  const body = (await answer.json().catch(() => fallback)) as Partial<ErrorBody> | null;
  return { ...fallback, ...body };
}

function cookie(name: string): string {
  const prefix = `${name}=`;
  const found = document.cookie.split("; ").find((entry) => entry.startsWith(prefix));
  return found ? decodeURIComponent(found.slice(prefix.length)) : "";
}

/** Follows `next` of a paged list; a whole list has none. */
export async function allPages<T>(api: Api, path: string): Promise<T[]> {
  const all: T[] = [];
  for await (const { results } of pages<{ next?: string | null; results: T[] }>(api, path)) all.push(...results);
  return all;
}

export async function* pages<Page extends { next?: string | null }>(api: Api, path: string): AsyncGenerator<Page> {
  for (let next: string | null = path; next; ) {
    const page: Page = await api.get(next);
    yield page;
    next = page.next ? new URL(page.next, location.origin).pathname + new URL(page.next, location.origin).search : null;
  }
}
