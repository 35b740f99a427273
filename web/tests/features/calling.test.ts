import { describe, expect, it } from "vitest";
import { callKey, calledBy, isLoud, roleToTake } from "../../src/features/incoming/calling";
import { rank } from "../../src/features/request/ranking";
import type { Alarm, BedRequest, BoardHospital, Candidate } from "../../src/sync/types";

const alarm = (position: number, role: string, more: Partial<Alarm> = {}): Alarm => ({
  position, role, whom: "holder", how: "alarm", raised_at: "2026-11-24T02:00:00Z", reached_at: null, failed_at: null, failure: "", ...more,
});
const candidate = (...alarms: Alarm[]): Candidate => ({ id: "c", role: "asked", alarms: [alarm(0, "asked", { how: "push" }), ...alarms] }) as Candidate;
const request = (urgency: string): BedRequest => ({ urgency }) as BedRequest;
const asked = { held: ["asked"], eligible: ["asked"] };
const behind = { held: ["behind"], eligible: ["behind"] };
const could = { held: [], eligible: ["behind"] };
const nobody = { held: ["other"], eligible: ["other"] };

describe("who is called", () => {
  it("is whoever holds the asked role, then whoever holds an alarmed one", () => {
    expect(calledBy(candidate(), asked)?.position).toBe(0);
    expect(calledBy(candidate(), behind)).toBeNull();
    expect(calledBy(candidate(alarm(1, "behind")), behind)?.position).toBe(1);
    expect(calledBy(candidate(alarm(1, "behind")), nobody)).toBeNull();
  });

  it("is everybody who may hold the role where all are called, and only then", () => {
    expect(calledBy(candidate(alarm(1, "behind")), could)).toBeNull();
    expect(calledBy(candidate(alarm(1, "behind", { whom: "eligible" })), could)?.position).toBe(1);
  });

  it("has to take a role first only if none that answers is held", () => {
    const all = candidate(alarm(1, "behind", { whom: "eligible" }));
    expect(roleToTake(all, could)).toBe("behind");
    expect(roleToTake(all, behind)).toBeNull();
    expect(roleToTake(all, asked)).toBeNull();
    expect(roleToTake(candidate(alarm(1, "behind")), could)).toBeNull();
  });
});

describe("what takes the whole screen", () => {
  it("is stat to a role that answers", () => {
    expect(isLoud(request("stat"), candidate(), asked)).toBe(true);
    expect(isLoud(request("stat"), candidate(alarm(1, "behind", { how: "push" })), behind)).toBe(true);
    expect(isLoud(request("stat"), candidate(), behind)).toBe(false);
    expect(isLoud(request("urgent"), candidate(), asked)).toBe(false);
  });

  it("is an alarm of any urgency, to whom it is for", () => {
    expect(isLoud(request("routine"), candidate(alarm(1, "behind")), behind)).toBe(true);
    expect(isLoud(request("routine"), candidate(alarm(1, "behind", { how: "push" })), behind)).toBe(false);
    expect(isLoud(request("routine"), candidate(alarm(1, "behind", { whom: "eligible" })), could)).toBe(true);
    expect(isLoud(request("routine"), candidate(alarm(1, "behind")), nobody)).toBe(false);
  });

  it("comes back after it was put off when somebody calls again", () => {
    expect(callKey(candidate(), asked)).toBe(callKey(candidate(alarm(1, "behind")), asked));
    expect(callKey(candidate(alarm(1, "asked")), asked)).not.toBe(callKey(candidate(), asked));
  });
});

describe("whom to ask", () => {
  const role = (id: string, escalates_to: string[], on_duty = true) => ({ role: id, categories: [], escalates_to, on_duty });
  const hospital = (...roles: BoardHospital["roles"]): BoardHospital => ({ hospital: "uk", distance_km: 1, stale_after_seconds: 43_200, roles, units: [] });
  const first = (...roles: BoardHospital["roles"]) => rank([hospital(...roles)], null, "icu-high", [])[0]?.role;

  it("is the role in front of a chain, not the one behind it", () => {
    expect(first(role("behind", []), role("front", ["behind"]))).toBe("front");
    expect(first(role("behind", []), role("front", ["behind"], false))).toBe("front");
  });

  it("is anybody where each leads to another", () => {
    expect(first(role("a", ["b"], false), role("b", ["a"]))).toBe("b");
  });
});
