/** What a template is called: its speciality, and as much of the rest as tells it from its siblings. Pure; `words` translate. */
import type { RequestTemplate } from "../../sync/numbers";
import type { Capability, Category, Urgency } from "../../sync/types";

export interface Words { speciality: (code: string) => string; category: (code: string) => string; capability: (code: string) => string; urgency: (code: string) => string; ageBand: (code: string) => string }

export function labelOf(template: RequestTemplate, all: readonly RequestTemplate[], words: Words): string {
  let rivals = all.filter((each) => each.id !== template.id && each.speciality === template.speciality);
  const said = [words.speciality(template.speciality)];
  const parts: ((each: RequestTemplate) => string)[] = [
    (each) => words.category(each.category),
    (each) => each.capabilities.map(words.capability).join(" + "),
    (each) => words.urgency(each.urgency),
    (each) => each.age_band && words.ageBand(each.age_band),
  ];
  for (const part of parts) {
    const mine = part(template);
    if (!rivals.some((each) => part(each) !== mine)) continue;
    if (mine) said.push(mine);
    rivals = rivals.filter((each) => part(each) === mine);
  }
  return said.join(", ");
}

export interface Form { category: Category; capabilities: ReadonlySet<Capability>; urgency: Urgency; ageBand: string; transportMode: string }

/** Whether the form says what the template says; what the template leaves open it does not change. */
export function isFilledFrom(template: RequestTemplate, form: Form): boolean {
  return (
    template.category === form.category && template.urgency === form.urgency && template.capabilities.length === form.capabilities.size &&
    template.capabilities.every((code) => form.capabilities.has(code)) && (!template.age_band || template.age_band === form.ageBand) &&
    (!template.transport_mode || template.transport_mode === form.transportMode)
  );
}
