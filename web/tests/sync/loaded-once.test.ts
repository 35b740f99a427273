import { expect, test, vi } from "vitest";
import { loadedOnce } from "../../src/sync/loaded-once";

test("a part is loaded once, and again after a load that failed", async () => {
  const load = vi.fn(async () => Promise.resolve("part")).mockRejectedValueOnce(new TypeError("offline"));
  const part = loadedOnce(load);

  await expect(part()).rejects.toThrow("offline");
  await expect(Promise.all([part(), part()])).resolves.toEqual(["part", "part"]);
  expect(load).toHaveBeenCalledTimes(2);
});
