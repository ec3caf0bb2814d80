import assert from "node:assert/strict";
import { mock } from "node:test";
import { Refusal } from "@ccsp/errors";
import { CallError, type CallOptions, type Connection } from "@ccsp/grpc-kit";
import { GetExecutorStatusResponse, GetRunResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import { ExecutorSummary } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { status } from "@grpc/grpc-js";
import { Executors } from "./executors.js";
import { type ExecutorClient, ExecutorPool } from "./pool.js";

const IDLE_MS = 60_000;
const NONE = { metadata: {}, fields: [], quota: [], preconditions: [], reason: undefined, retryAfterMs: undefined };
const failing = (code: status, reason?: "RUN_NOT_FOUND") => async () => {
  throw new CallError(code, "failed", { ...NONE, reason });
};
const notHere = failing(status.NOT_FOUND, "RUN_NOT_FOUND");
const silent = failing(status.UNAVAILABLE);

type Asked = Pick<ExecutorClient, "getExecutorStatus" | "getRun" | "setDraining">;

/** Executors by address. Each is known under the id that `ids` has for its address. */
function world(at: Readonly<Record<string, Partial<Asked>>>, ids: Readonly<Record<string, string>> = {}) {
  const opened: string[] = [];
  const closed: string[] = [];
  const connect = (address: string) => {
    opened.push(address);
    const getExecutorStatus = async () => GetExecutorStatusResponse.fromPartial({ executorId: address });
    const client = { getExecutorStatus, ...at[address], close: () => void closed.push(address) };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the calls of these tests
    return client as unknown as ExecutorClient & Connection;
  };
  const pool = new ExecutorPool({ connect, idleMs: IDLE_MS });
  const executors = Object.keys(at).map((address) =>
    ExecutorSummary.fromPartial({
      executorId: ids[address] ?? address,
      address: ids[address] === "old" ? "" : address,
    }),
  );
  const queue = { getStatus: async () => GetStatusResponse.fromPartial({ executors }) };
  return { executors: new Executors({ queue, pool }), pool, opened, closed };
}

const refusedWith = (reason: string) => (error: unknown) => {
  assert.ok(error instanceof Refusal, String(error));
  assert.equal(error.reason, reason, error.message);
  return true;
};

describe("the executors that the queue knows", () => {
  it("are listed by id, all asked at the same time, each with 3 s, the caller's deadline and its signal, and with its fault", async () => {
    const seen: CallOptions[] = [];
    const allAsked = Promise.withResolvers<void>();
    /** Each answers only when the other one was asked too. */
    let asked = 0;
    const together = async () => {
      asked += 1;
      if (asked === 2) allAsked.resolve();
      await allAsked.promise;
    };
    const getExecutorStatus: ExecutorClient["getExecutorStatus"] = async (_request, options = {}) => {
      seen.push(options);
      await together();
      return GetExecutorStatusResponse.fromPartial({ executorId: "a", draining: true });
    };
    const b = { getExecutorStatus: () => together().then(silent) };
    const { executors } = world({ b, c: {}, a: { getExecutorStatus } }, { c: "old" });
    const options = { signal: new AbortController().signal, deadline: new Date(Date.now() + 60_000) };
    const listed = await executors.list(options);
    assert.deepEqual(
      listed.map(({ executorId, status: own, error }) => [executorId, own?.draining, error]),
      [
        ["a", true, ""],
        ["b", undefined, "failed"],
        ["old", undefined, "executor old has not said where it serves: it is of an earlier release"],
      ],
    );
    assert.deepEqual(seen, [{ ...options, timeoutMs: 3_000 }]);
  });

  it("are called by id: not one that is unknown, of an earlier release, or replaced at its address", async () => {
    const { executors } = world({ a: {}, b: {}, c: {} }, { b: "gone", c: "old" });
    const call = (id: string) => executors.call(id, {}, async () => "called");
    assert.equal(await call("a"), "called");
    await assert.rejects(call("z"), refusedWith("EXECUTOR_NOT_FOUND"));
    await assert.rejects(call("gone"), refusedWith("DEPENDENCY_UNAVAILABLE"));
    await assert.rejects(call("old"), refusedWith("DEPENDENCY_UNAVAILABLE"));
  });

  it("are asked for a run all at once, and one that is silent does not hide the answer of another", async () => {
    const getRun = async () => GetRunResponse.fromPartial({ tail: "here" });
    const { executors } = world({ a: { getRun: silent }, b: { getRun: notHere }, c: { getRun } });
    const { executorId, run } = await executors.findRun("t", {});
    assert.deepEqual([executorId, run.tail], ["c", "here"]);
  });

  it("do not run a task only when all of them say so", async () => {
    const none = world({ a: { getRun: notHere }, b: { getRun: notHere } });
    await assert.rejects(none.executors.findRun("t", {}), refusedWith("RUN_NOT_FOUND"));
    await assert.rejects(world({}).executors.findRun("t", {}), refusedWith("RUN_NOT_FOUND"));
    const unsure = world({ a: { getRun: notHere }, b: { getRun: silent } });
    await assert.rejects(unsure.executors.findRun("t", {}), { code: status.UNAVAILABLE });
  });

  it("have one client for each address, which stays open while it is used and closes when it is not", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const { executors, pool, opened, closed } = world({ a: {} });
      let finish = (): void => undefined;
      const long = executors.call("a", {}, () => new Promise<void>((resolve) => void (finish = resolve)));
      await executors.call("a", {}, async () => undefined);
      mock.timers.tick(2 * IDLE_MS);
      assert.deepEqual([opened, closed], [["a"], []]);
      finish();
      await long;
      mock.timers.tick(IDLE_MS - 1);
      assert.deepEqual(closed, []);
      mock.timers.tick(1);
      assert.deepEqual([closed, pool.size], [["a"], 0]);
      await executors.call("a", {}, async () => undefined);
      assert.deepEqual(opened, ["a", "a"]);
      await pool.close();
      assert.equal(pool.size, 0);
    } finally {
      mock.timers.reset();
    }
  });
});
