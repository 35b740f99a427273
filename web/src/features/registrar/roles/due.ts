/** Why a role's keys are due, in words. */
import type { DueReason, RoleStanding } from "../../../sync/roles";
import { m } from "../../../paraglide/messages";
import { personName } from "../../model.svelte";

const WORDS: Record<DueReason, (given: { name: string }) => string> = { left: m.due_left, device_lost: m.due_device_lost, key_renewed: m.due_key_renewed };

/** Who has left is in no directory any more. */
export const dueWords = ({ reason, person }: RoleStanding["due"][number]): string => WORDS[reason]({ name: personName(person) || m.due_somebody() });
