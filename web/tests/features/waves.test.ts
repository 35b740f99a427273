import { describe, expect, it } from "vitest";
import { canShift, dealingWith, type Groups, groupsOf, shifted, waiting, WAITS } from "../../src/features/request/waves";
import type { BedRequest, Candidate, CandidateState } from "../../src/sync/types";

const NEXT = "2026-03-01T03:12:00.000Z";

function request(...candidates: [CandidateState, number][]): BedRequest {
  const made = candidates.map(([state, wave], n) => ({ id: `c${n}`, hospital: `h${n}`, state, wave }) as Candidate);
  return { candidates: made, next_wave_at: NEXT, wave_interval: 600 } as BedRequest;
}

describe("groups while choosing", () => {
  it("are one hospital each, in the order given", () => {
    expect(groupsOf([], ["a", "b", "c"])).toEqual([["a"], ["b"], ["c"]]);
  });

  it("lose who is not chosen any more and gain who is new, at the end", () => {
    expect(groupsOf([["a", "b"], ["c"]], ["d", "c", "b"])).toEqual([["b"], ["c"], ["d"]]);
    expect(groupsOf([["a"], ["b"]], [])).toEqual([]);
  });

  it.each<[string, -1 | 1, Groups]>([
    ["c", -1, [["a"], ["b", "c"]]],
    ["a", 1, [["b", "a"], ["c"]]],
    ["b", -1, [["a", "b"], ["c"]]],
  ])("%s moved by %i joins its neighbours", (hospital, by, expected) => {
    expect(shifted([["a"], ["b"], ["c"]], hospital, by)).toEqual(expected);
  });

  it("part again beyond the ends", () => {
    expect(shifted([["a", "b"]], "b", 1)).toEqual([["a"], ["b"]]);
    expect(shifted([["a", "b"]], "b", -1)).toEqual([["b"], ["a"]]);
  });

  it("stay as they are where there is nowhere to go", () => {
    const groups = [["a"], ["b"]];
    expect([canShift(groups, "a", -1), canShift(groups, "b", 1), canShift(groups, "b", -1)]).toEqual([false, false, true]);
    expect(shifted(groups, "a", -1)).toEqual(groups);
  });

  it("never lose or double anybody, whatever is tapped", () => {
    let groups: Groups = [["a"], ["b", "c"], ["d"]];
    for (let n = 0; n < 400; n++) {
      const hospital = "abcd"[Math.floor(Math.random() * 4)] ?? "a";
      groups = shifted(groups, hospital, Math.random() < 0.5 ? -1 : 1);
      expect(groups.flat().sort()).toEqual(["a", "b", "c", "d"]);
      expect(groups.every((group) => group.length > 0)).toBe(true);
    }
  });
});

describe("what waits of a request", () => {
  it("is asked at the server's time, the one after it an interval later", () => {
    const waves = waiting(request(["submitted", 1], ["draft", 2], ["draft", 3], ["draft", 2]));

    expect(waves.map(({ number, candidates, at }) => [number, candidates.map(({ id }) => id), at])).toEqual([
      [2, ["c1", "c3"], NEXT],
      [3, ["c2"], "2026-03-01T03:22:00.000Z"],
    ]);
  });

  it.each<CandidateState>(["acknowledged", "info-requested", "held"])("has no time while one is %s", (state) => {
    const asked = request(["submitted", 1], [state, 1], ["draft", 2]);

    expect(waiting(asked)[0]?.at).toBeNull();
    expect(dealingWith(asked)?.id).toBe("c1");
  });

  it("is nothing when all were asked", () => {
    expect(waiting(request(["submitted", 1], ["declined", 1], ["cancelled", 2]))).toEqual([]);
  });

  it("names who offers before who only looks", () => {
    expect(dealingWith(request(["acknowledged", 1], ["held", 1]))?.id).toBe("c1");
    expect(dealingWith(request(["submitted", 1], ["declined", 1]))).toBeNull();
  });
});

it("offers each urgency its own time first, all within what the server takes", () => {
  expect([WAITS.stat[0], WAITS.asap[0], WAITS.urgent[0], WAITS.routine[0]]).toEqual([5, 15, 60, 240]);
  expect(Object.values(WAITS).flat().every((minutes) => minutes * 60 >= 30 && minutes <= 24 * 60)).toBe(true);
});
