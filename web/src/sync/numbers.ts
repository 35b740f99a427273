/** Templates and statistics of the own hospital: codes and counts, nothing to decrypt. */
import type { Ground } from "./epochs";
import { Value } from "./observable";
import type { Capability, Category, Urgency } from "./types";
import type { Results } from "./wire";

export interface RequestTemplate {
  /** Made here. */
  id: string;
  speciality: string;
  category: Category;
  capabilities: Capability[];
  urgency: Urgency;
  age_band: string;
  transport_mode: string;
  /** 0: not written yet. */
  version: number;
}

export type StatisticsSide = "made" | "asked";
export type StatisticsGroup = "hospital" | "category" | "urgency" | "hour";
export type Measure = "acknowledge" | "offer" | "confirm" | "arrive";

export interface StatisticsQuery {
  side: StatisticsSide;
  group: StatisticsGroup;
  /** Days by the hospital's clock, `2026-03-29`; without `until`: up to today. */
  since: string;
  until?: string;
}

/** Seconds from being asked; null: too few to be shown. */
export interface TimesTaken { count: number; median: number | null; p90: number | null }

export interface StatisticsTotal {
  asked: number;
  open: number;
  escalated: number;
  ended: Record<string, number>;
  declined_because: Record<string, number>;
  times: Record<Measure, TimesTaken>;
}

export interface StatisticsRow extends StatisticsTotal { key: string; name: string | null }

export interface Statistics {
  side: StatisticsSide;
  group: StatisticsGroup;
  since: string;
  until: string;
  time_zone: string;
  total: StatisticsTotal;
  rows: StatisticsRow[];
}

export class Numbers {
  readonly templates = new Value<RequestTemplate[]>([]);
  readonly #ground: Ground;

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  async load(): Promise<void> {
    const { store, ring } = this.#ground;
    this.templates.set((await store.snapshot<RequestTemplate[]>(ring.storeKey, "templates")) ?? []);
  }

  async refreshTemplates(): Promise<void> {
    const { results } = await this.#ground.api.get<Results<RequestTemplate>>("/request-templates");
    this.templates.set(results);
    await this.#ground.store.putSnapshot(this.#ground.ring.storeKey, "templates", results);
  }

  /** Throws `ApiError` 412 `template.changed` if somebody was quicker. */
  async saveTemplate({ id, version, ...body }: RequestTemplate): Promise<void> {
    await this.#ground.api.put(`/request-templates/${id}`, body, { "If-Match": String(version) });
    await this.refreshTemplates();
  }

  async deleteTemplate({ id, version }: RequestTemplate): Promise<void> {
    await this.#ground.api.delete(`/request-templates/${id}`, { "If-Match": String(version) });
    await this.refreshTemplates();
  }

  async statistics(query: StatisticsQuery): Promise<Statistics> {
    return this.#ground.api.get<Statistics>(`/statistics/requests?${new URLSearchParams({ ...query })}`);
  }

  async statisticsCsv(query: StatisticsQuery): Promise<Blob> {
    return this.#ground.api.blob(`/statistics/requests.csv?${new URLSearchParams({ ...query })}`);
  }
}
