/** The way into a candidate's conversation. What software asked for has none until somebody takes this way. */
import type { Candidate } from "../sync/types";
import { port } from "./model.svelte";
import { attempt } from "./notices.svelte";
import { go } from "./router.svelte";

/** Whether there is one, or this person may begin it: who may act may. */
export const canTalk = ({ conversation, actions }: Candidate): boolean => conversation !== null || actions.length > 0;

export async function openTalk(candidate: Candidate, visit: (path: string) => void = go): Promise<void> {
  if (candidate.conversation !== null) {
    visit(`/c/${candidate.conversation}`);
    return;
  }
  await attempt(async () => {
    visit(`/c/${await port().beginConversation(candidate)}`);
  });
}
