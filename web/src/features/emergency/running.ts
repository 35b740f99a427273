/** What every screen asks of emergency accesses; the rest of them comes when there is one. */
import type { ConversationView, Emergency } from "../../sync/types";
import { model } from "../model.svelte";
import { isPast } from "../times";

export const isRunning = ({ ends_at, ended_at }: Emergency, now: number): boolean => ended_at === null && !isPast(ends_at, now);

/** Of this person, running now, with the conversation it opened. */
export function ownEmergency(now: number): { conversation: ConversationView; emergency: Emergency } | null {
  for (const conversation of model.conversations) {
    const emergency = conversation.emergencies.find((each) => each.person === model.session.person && isRunning(each, now));
    if (emergency) return { conversation, emergency };
  }
  return null;
}

/** Whether a message was written under an emergency access. */
export function wasUnder(emergencies: readonly Emergency[], message: { person: string; role: string | null; at: string }): boolean {
  const at = Date.parse(message.at);
  const spans = emergencies.filter(({ person }) => message.role === null && person === message.person);
  return spans.some(({ started_at, ends_at, ended_at }) => Date.parse(started_at) <= at && at <= Date.parse(ended_at ?? ends_at));
}
