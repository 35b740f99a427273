/** Where this person is signed in, and ending it from here. */
import type { Api } from "./api";
import type { Results } from "./wire";

export interface SignInInfo {
  id: string;
  device: string;
  label: string;
  method: string;
  created_at: string;
  /** To within five minutes. */
  last_seen_at: string;
  expires_at: string;
  is_this: boolean;
}

export class SignIns {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  async list(): Promise<SignInInfo[]> {
    return (await this.#api.get<Results<SignInInfo>>("/sign-ins")).results;
  }

  async end(signIn: string): Promise<void> {
    await this.#api.post(`/sign-ins/${signIn}/end`);
  }

  /** Returns how many there were. */
  async endOthers(): Promise<number> {
    return (await this.#api.post<{ ended: number }>("/sign-ins/end-others")).ended;
  }
}
