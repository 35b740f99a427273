/** Open requests of ours that may be about the same need: a second thought before the second request. As the server sees it. Pure. */
import type { BedRequest, Category } from "../../sync/types";

export interface Sought { category: Category; ageBand: string; sex: string }

const DAY_MS = 24 * 60 * 60 * 1000;
// What one of the two leaves open may be what the other says.
const agree = (one: string, other: string): boolean => one === "" || other === "" || one === other;

/** Newest first. */
export function similarTo(requests: readonly BedRequest[], own: string | null, sought: Sought, now: number): BedRequest[] {
  return requests
    .filter((each) => each.origin === own && each.closed_at === null && each.category === sought.category)
    .filter((each) => agree(each.age_band, sought.ageBand) && agree(each.sex, sought.sex) && Math.abs(now - Date.parse(each.created_at)) <= DAY_MS)
    .sort((a, b) => b.created_at.localeCompare(a.created_at));
}
