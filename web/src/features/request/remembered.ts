/** The last choices of a bed request, kept in this browser: codes only, nothing about a patient and no hospital's name. */
import type { Urgency, Category, Capability } from "../../sync/types";
import { CAPABILITY_CODES, CATEGORY_CODES, URGENCY_CODES } from "../words";

export interface Choices { category: Category; capabilities: Capability[]; urgency: Urgency; ageBand: string; transportMode: string }

const KEY = "wardline-last-request";
const FIRST: Choices = { category: "icu-high", capabilities: [], urgency: "asap", ageBand: "adult", transportMode: "ground" };

export function rememberedChoices(): Choices {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Choices>;
    return {
      category: CATEGORY_CODES.includes(kept.category ?? "") ? (kept.category as Category) : FIRST.category,
      capabilities: (kept.capabilities ?? []).filter((code) => CAPABILITY_CODES.includes(code)),
      urgency: URGENCY_CODES.find((code) => code === kept.urgency) ?? FIRST.urgency,
      ageBand: kept.ageBand ?? FIRST.ageBand,
      transportMode: kept.transportMode ?? FIRST.transportMode,
    };
  } catch {
    return FIRST; // a broken note to self is no reason to fail at night
  }
}

export function remember(choices: Choices): void {
  localStorage.setItem(KEY, JSON.stringify(choices));
}
