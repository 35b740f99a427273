/** What a unit's figure says beside its counts, in words. */
import type { BoardUnit } from "../../sync/types";
import { m } from "../../paraglide/messages";
import * as words from "../words";

/** Counted by the hospital's own software, by whatever way it tells: by hand only under a reason. */
export function isFed(figure: Pick<BoardUnit, "source">): boolean {
  return figure.source !== "manual";
}

/** "Eingeschränkt: Personal, Räume". */
export function limitsOf(unit: BoardUnit): string {
  const limits = unit.limits.map(words.limit).join(", ");
  return limits ? `${words.assessment(unit.assessment)}: ${limits}` : words.assessment(unit.assessment);
}

/** Reserve, slots, whom the unit takes: each only where it is known. */
export function aside(unit: BoardUnit): string[] {
  return [
    unit.reserve_24h === null ? "" : m.reserve_within({ n: unit.reserve_24h, hours: 24 }),
    unit.reserve_72h === null ? "" : m.reserve_within({ n: unit.reserve_72h, hours: 72 }),
    unit.free_ecmo === null ? "" : m.slots_free({ what: words.capability("ecmo"), n: unit.free_ecmo }),
    unit.free_crrt === null ? "" : m.slots_free({ what: words.capability("crrt"), n: unit.free_crrt }),
    unit.sex_restriction && m.only_for({ whom: words.sex(unit.sex_restriction) }),
    unit.age_bands.length ? m.only_for({ whom: unit.age_bands.map(words.ageBand).join(", ") }) : "",
  ].filter(Boolean);
}
