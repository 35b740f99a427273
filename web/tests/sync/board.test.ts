import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Api, ApiError } from "../../src/sync/api";
import { Board, FETCH_PAUSE_MS } from "../../src/sync/board";
import type { Ground } from "../../src/sync/epochs";
import type { BoardHospital } from "../../src/sync/types";
import { house, NOW, unit } from "../board/pieces";

let asked: string[];
let there: Map<string, BoardHospital>;
let kept: unknown;
let board: Board;

/** A server that has `there`, and what was asked of it. */
function answer(path: string): Promise<unknown> {
  asked.push(path);
  const only = new URL(path, "http://x").searchParams.getAll("hospital");
  return Promise.resolve({ hospitals: [...there.values()].filter((each) => only.length === 0 || only.includes(each.hospital)) });
}

const ground = (api: Partial<Api>): Ground => ({
  api: { get: answer, ...api } as unknown as Api,
  ring: { storeKey: null },
  store: { snapshot: () => Promise.resolve(kept), putSnapshot: (_key: unknown, _name: string, value: unknown) => { kept = value; return Promise.resolve(); } },
}) as unknown as Ground;

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  kept = undefined;
  there = new Map(["a", "b", "c"].map((name) => [name, house(name, 1, unit(name))]));
  board = new Board(ground({}), () => NOW);
});
afterEach(() => { vi.useRealTimers(); });

test("a ring fetches the hospital it names and nothing else", async () => {
  await board.refresh();
  there.set("b", house("b", 1, unit("b", { available: 0 })));
  const heard = board.heard("b");
  await vi.advanceTimersByTimeAsync(FETCH_PAUSE_MS);
  await heard;
  expect(asked).toEqual(["/board", "/board?hospital=b"]);
  expect(board.hospitals.value.map((each) => [each.hospital, each.units[0]?.available])).toEqual([["a", 2], ["c", 2], ["b", 0]]);
});

test("a storm of rings is a fetch at once and two a second, and the last change is fetched", async () => {
  const waiting: Promise<void>[] = [];
  for (let n = 0; n < 100; n += 1) {
    waiting.push(board.heard(["a", "b", "c"][n % 3] ?? ""));
    await vi.advanceTimersByTimeAsync(10);
  }
  const before = asked.length;
  expect(before).toBeLessThanOrEqual(3);
  await vi.advanceTimersByTimeAsync(2 * FETCH_PAUSE_MS);
  await Promise.all(waiting);
  expect(asked.length - before).toBeLessThanOrEqual(1);
  expect(new URL(asked.at(-1) ?? "", "http://x").searchParams.getAll("hospital").sort()).toEqual(["a", "b", "c"]);
});

test("more names than the server takes at once: the whole board", async () => {
  const waiting = Array.from({ length: 60 }, (_, n) => board.heard(`h${n}`));
  await vi.advanceTimersByTimeAsync(3 * FETCH_PAUSE_MS);
  await Promise.all(waiting);
  expect(asked).toEqual(["/board?hospital=h0", "/board"]);
});

test("a hospital that is no partner any more leaves the board", async () => {
  await board.refresh();
  there.delete("b");
  const heard = board.heard("b");
  await vi.advanceTimersByTimeAsync(FETCH_PAUSE_MS);
  await heard;
  expect(board.hospitals.value.map(({ hospital }) => hospital)).toEqual(["a", "c"]);
});

test("without a network a ring fails, and the next one is heard", async () => {
  let isOffline = true;
  board = new Board(ground({ get: ((path: string) => (isOffline ? Promise.reject(new ApiError(0, { code: "network.offline", detail: "" })) : answer(path))) as Api["get"] }), () => NOW);
  await expect(board.heard("a")).rejects.toThrow("network.offline");
  isOffline = false;
  const heard = board.heard("a");
  await vi.advanceTimersByTimeAsync(FETCH_PAUSE_MS);
  await heard;
  expect(board.hospitals.value).toHaveLength(1);
});

test("the last board comes back with its age, and one of a former version is none", async () => {
  await board.refresh();
  const again = new Board(ground({}), () => NOW + 60_000);
  await again.load();
  expect(again.at.value).toBe(new Date(NOW).toISOString());
  expect(again.hospitals.value).toHaveLength(3);

  kept = [house("a", 1)];
  const former = new Board(ground({}), () => NOW);
  await former.load();
  expect([former.at.value, former.hospitals.value]).toEqual([null, []]);
});

test("who is too late sees at once what the other wrote, and is told", async () => {
  const refused = new ApiError(412, { code: "capacity.changed", detail: "" });
  board = new Board(ground({ put: () => Promise.reject(refused), post: () => Promise.reject(refused) }), () => NOW);
  there.set("a", house("a", 1, unit("a", { available: 0, version: 2 })));
  await expect(board.report(unit("a"), { staffed: 1, occupied: 0, blocked: 0 })).rejects.toThrow("capacity.changed");
  expect(board.hospitals.value[0]?.units[0]).toMatchObject({ available: 0, version: 2 });
  await expect(board.undo({ capacity: "a", version: 1 })).rejects.toThrow("capacity.changed");
  expect(asked).toEqual(["/board", "/board"]);
});

test("a phone on which nobody looks keeps the board, but not by the minute", async () => {
  let now = NOW;
  board = new Board(ground({}), () => now);
  await board.refreshIfOld();
  now += 9 * 60_000;
  await board.refreshIfOld();
  expect(asked).toHaveLength(1);
  now += 2 * 60_000;
  await board.refreshIfOld();
  expect(asked).toHaveLength(2);
});
