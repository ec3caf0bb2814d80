import assert from "node:assert/strict";
import { methodCalls } from "./method-calls.js";

describe("the calls that a heartbeat tells", () => {
  const bounds = (...counts: number[]) => [0.2, 1, 5].map((seconds, at) => ({ seconds, count: counts[at] ?? 0 }));
  const GET = "/x.v1.X/Get";
  const told = (counts: Parameters<typeof methodCalls>[0]) => methodCalls(counts, new Set([GET]));

  it("are those of unary methods, with the durations of good ones by bucket", () => {
    const { callBounds, calls } = told([
      { path: GET, code: "OK", count: 10, within: bounds(4, 7, 9) },
      { path: "/x.v1.X/Watch", code: "OK", count: 99, within: bounds(99, 99, 99) },
    ]);
    assert.deepEqual(callBounds, [0.2, 1, 5]);
    assert.deepEqual(calls, [{ method: GET, ok: [4n, 3n, 2n, 1n], unavailable: 0n, faults: 0n, total: 10n }]);
  });

  it("are those of all servers of the process together", () => {
    const good = { path: GET, code: "OK", count: 10, within: bounds(4, 7, 9) };
    const { calls } = told([good, { ...good, code: "UNAVAILABLE" }, { ...good, count: 2, within: bounds(0, 1, 1) }]);
    assert.deepEqual(calls, [{ method: GET, ok: [4n, 4n, 2n, 2n], unavailable: 10n, faults: 0n, total: 22n }]);
  });

  it("are CCSP's fault when it was away or broke, and not when the caller or a limit ended them", () => {
    const none = bounds(0, 0, 0);
    const ended = (code: string) => told([{ path: GET, code, count: 1, within: none }]).calls[0];
    for (const code of ["INTERNAL", "UNKNOWN", "DATA_LOSS", "UNIMPLEMENTED"])
      assert.deepEqual([ended(code)?.faults, ended(code)?.unavailable], [1n, 0n], code);
    assert.deepEqual([ended("UNAVAILABLE")?.faults, ended("UNAVAILABLE")?.unavailable], [0n, 1n]);
    for (const code of [
      ...["CANCELLED", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "UNAUTHENTICATED"],
      ...["RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE"],
    ])
      assert.deepEqual([ended(code)?.faults, ended(code)?.unavailable, ended(code)?.total], [0n, 0n, 1n], code);
  });

  it("that passed their deadline are CCSP's fault only if they had at least a second", () => {
    const [calls] = told([{ path: GET, code: "DEADLINE_EXCEEDED", count: 7, within: bounds(1, 3, 7) }]).calls;
    assert.deepEqual([calls?.unavailable, calls?.total], [4n, 7n]);
  });
});
