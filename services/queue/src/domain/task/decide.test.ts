import assert from "node:assert/strict";
import type { CategoryName } from "@ccsp/errors";
import {
  afterCancel,
  afterFailure,
  afterLease,
  afterRetry,
  DELIVERY_BUDGET,
  LONGEST_PARKING_MS,
  retryTime,
  WINDOW_BUDGET,
} from "./decide.js";
import type { Failure, State, Task } from "./task.js";

const task = (more: Partial<Task> = {}): Task => ({
  id: "0-x",
  agent: "a",
  engine: "e",
  class: "normal",
  state: "RUNNING",
  max: 3,
  created: 0,
  size: 9,
  spec: "",
  fence: 7,
  attempt: 1,
  ...more,
});
const error = (category: CategoryName, more: Partial<Failure> = {}): Failure => ({
  category,
  message: "m",
  retryable: true,
  source: "PROVIDER",
  ...more,
});
const REFUSALS = { runs: 50, waitMs: 21_600_000 };
const fail = (from: Task, failure: Failure, random = 1) => {
  const nowMs = 10_000;
  const readyMs = retryTime(from, failure, nowMs, { baseMs: 1_000, random: () => random });
  return afterFailure(from, { fence: 7, error: failure }, { nowMs, readyMs, refusals: REFUSALS });
};

describe("what follows a failed run", () => {
  it("is a retry after a wait that doubles with each run, up to a minute", () => {
    const waits = [1, 2, 3, 6, 7, 50].map(
      (attempt) => fail(task({ attempt, max: 99 }), error("NETWORK_ERROR")).set.ready,
    );
    assert.deepEqual(waits, [11_000, 12_000, 14_000, 42_000, 70_000, 70_000]);
  });

  it("is spread over the second half of the wait", () => {
    assert.equal(fail(task(), error("NETWORK_ERROR"), 0).set.ready, 10_500);
  });

  it("waits as long as the engine requested, when that is longer", () => {
    assert.equal(fail(task(), error("NETWORK_ERROR", { retryAfterMs: 3_600_000 })).set.ready, 3_610_000);
    assert.equal(fail(task(), error("NETWORK_ERROR", { retryAfterMs: 1 })).set.ready, 11_000);
    assert.equal(fail(task(), error("RATE_LIMIT", { retryAfterMs: 1e15 })).set.ready, 10_000 + LONGEST_PARKING_MS);
  });

  it("waits for a usage window half a minute longer than reported, since clocks differ", () => {
    assert.equal(fail(task(), error("USAGE_WINDOW", { retryAfterMs: 3_600_000 })).set.ready, 3_640_000);
    assert.equal(fail(task({ limited: 9 }), error("USAGE_WINDOW", { retryAfterMs: 1_000 })).set.ready, 41_000);
    assert.equal(fail(task(), error("USAGE_WINDOW", { retryAfterMs: 0 })).set.ready, 40_000);
    assert.ok(Number(fail(task({ limited: 1 }), error("USAGE_WINDOW", { retryAfterMs: 0 })).set.ready) > 300_000);
  });

  it("waits by its category where the provider gives no time, whatever failed before", () => {
    const wait = (category: CategoryName, limited: number) =>
      Number(fail(task({ attempt: 9, limited }), error(category)).set.ready) - 10_000;
    assert.deepEqual([wait("RATE_LIMIT", 0), wait("RATE_LIMIT", 1), wait("RATE_LIMIT", 99)], [5_000, 10_000, 300_000]);
    assert.deepEqual([wait("USAGE_WINDOW", 0), wait("USAGE_WINDOW", 99)], [300_000, 3_600_000]);
  });

  it("follows the retry settings of its agent: other waits, and categories that are final", () => {
    const own = task({ retry: { baseMs: 100, maxMs: 250, never: ["ENGINE_HANG"] }, attempt: 1, max: 9 });
    const wait = (attempt: number) => Number(fail({ ...own, attempt }, error("NETWORK_ERROR")).set.ready) - 10_000;
    assert.deepEqual([wait(1), wait(2), wait(3)], [100, 200, 250]);
    assert.equal(fail(own, error("ENGINE_HANG")).to, "FAILED");
  });

  it("waits in its class for a login that a person renews, at no cost", () => {
    const move = fail(task({ spent: 2 }), error("SESSION_TIMEOUT", { retryable: false }));
    assert.deepEqual([move.to, move.set.spent, move.set.limited], ["QUEUED", 2, 1]);
  });

  it("costs a delivery and no attempt when the engine did not start", () => {
    const move = fail(task({ state: "LEASED", spent: 2 }), error("ENGINE_CRASH"));
    assert.deepEqual([move.to, move.set.spent, move.set.deliveries], ["QUEUED", 2, 1]);
    const last = task({ state: "LEASED", deliveries: DELIVERY_BUDGET - 1 });
    assert.equal(fail(last, error("ENGINE_CRASH")).to, "FAILED");
  });

  it("is the end when it cannot be retried, or no attempt is left", () => {
    assert.equal(fail(task(), error("INVALID_REQUEST", { retryable: false })).to, "FAILED");
    assert.equal(fail(task({ spent: 2 }), error("NETWORK_ERROR")).to, "FAILED");
    assert.equal(fail(task({ spent: 1 }), error("NETWORK_ERROR")).to, "PARKED");
  });

  for (const category of ["RATE_LIMIT", "USAGE_WINDOW", "OVERLOADED"] as const) {
    it(`costs no attempt when the provider reported ${category}`, () => {
      const move = fail(task({ spent: 2, attempt: 9 }), error(category));
      assert.deepEqual([move.to, move.set.spent], ["PARKED", 2]);
    });
  }

  /** Lets every run fail with the same failure. Returns how the task ends, after how many runs and after what wait. */
  const always = (failure: Failure, most = 5_000) => {
    let now = task();
    let waitedMs = 0;
    for (let runs = 1; runs <= most; runs++) {
      const { to, set } = fail(now, failure);
      if (to === "FAILED") return { runs, waitedMs, error: set.error, spent: set.spent };
      if (to === "PARKED") waitedMs += (set.ready ?? 0) - 10_000;
      now = { ...now, ...(set as Partial<Task>), state: "RUNNING", attempt: runs + 1 };
    }
    return { runs: most, waitedMs, error: undefined, spent: undefined };
  };

  for (const category of ["OVERLOADED", "RATE_LIMIT", "SESSION_TIMEOUT"] as const) {
    it(`is the end with its cause when ${category} repeats once more than the setting says, and costs no attempt until then`, () => {
      const ended = always(error(category, { message: "the provider is broken (500)" }));
      assert.deepEqual([ended.runs, ended.spent, ended.error?.category], [REFUSALS.runs + 1, 0, category]);
      assert.match(ended.error?.message ?? "", /^the provider is broken \(500\); the task failed in this way 51 times/);
    });
  }

  it("is the end when the provider has delayed it for longer than allowed", () => {
    const ended = always(error("RATE_LIMIT", { retryAfterMs: REFUSALS.waitMs / 3 }));
    assert.deepEqual([ended.runs, ended.waitedMs], [4, REFUSALS.waitMs]);
    assert.equal(always(error("RATE_LIMIT", { retryAfterMs: 1e12 })).runs, 2);
  });

  it("is not such an end for a closed window, since the provider says when it opens", () => {
    const window = error("USAGE_WINDOW", { retryAfterMs: 18_000_000 });
    assert.equal(always(window, 200).error, undefined);
    assert.equal(always(error("USAGE_WINDOW"), 200).error, undefined);
    const last = fail(task({ limited: WINDOW_BUDGET - 1 }), window);
    assert.deepEqual([last.to, last.set.spent, last.set.error?.category], ["FAILED", 0, "USAGE_WINDOW"]);
    assert.equal(fail(task({ limited: WINDOW_BUDGET - 1 }), error("NETWORK_ERROR")).to, "PARKED");
    assert.equal(
      fail(task({ limited: 500 }), error("OVERLOADED")).to,
      "PARKED",
      "closed windows do not count as refusals",
    );
  });

  it("counts from zero for a task that is put back", () => {
    const ended = task({ state: "FAILED", refused: 50, refusedMs: 1, limited: 50 });
    const { refused, refusedMs, limited } = afterRetry(ended, "")?.set ?? {};
    assert.deepEqual([refused, refusedMs, limited], [0, 0, 0]);
  });

  it("is CANCELLED for a task that is being cancelled, with the cancel's reason", () => {
    const move = fail(task({ state: "CANCELLING", cancel: "enough" }), error("ENGINE_CRASH"));
    assert.deepEqual([move.to, move.set.error?.message], ["CANCELLED", "enough"]);
  });

  it("is CANCELLED for a run that an emergency stop killed before its task was notified", () => {
    const killed = error("CANCELLED", { retryable: false });
    assert.equal(fail(task(), killed).to, "CANCELLED");
  });
});

describe("what follows a lease that ended without a report", () => {
  const expired = { how: "expired" } as const;

  it("costs an attempt during a run, a delivery before, and nothing when it was given back", () => {
    const run = afterLease(task(), expired).set;
    const before = afterLease(task({ state: "LEASED" }), expired).set;
    const back = afterLease(task(), { how: "released", fence: 7, reason: "drain" }).set;
    assert.deepEqual([run.spent, before.deliveries, back], [1, 1, {}]);
  });

  it("costs nothing when an emergency stop parks it, but the next lease is not the task's first", () => {
    const parked = (more: Partial<Task>) =>
      afterLease(task({ state: "LEASED", ...more }), expired, { parked: true }).set;
    assert.deepEqual(parked({}), { deliveries: 0 });
    assert.deepEqual(parked({ deliveries: 1 }), {}, "no lost delivery is counted");
  });

  it("says why a lease was given back or parked, even when no run had started, unless the reason is unknown", () => {
    const back = (reason: string) => afterLease(task({ state: "LEASED" }), { how: "released", fence: 7, reason });
    assert.deepEqual([back("drain").note, back("drain").event], [{ reason: "drain" }, undefined]);
    assert.equal(back("").note, undefined);
    const parked = afterLease(task({ state: "LEASED" }), expired, { parked: true });
    assert.deepEqual(parked.note, { reason: "an emergency stop parked it" });
  });

  it("is the end when the budget is used up", () => {
    assert.equal(afterLease(task({ spent: 2 }), expired).to, "FAILED");
    assert.equal(afterLease(task({ state: "LEASED", deliveries: DELIVERY_BUDGET - 1 }), expired).to, "FAILED");
    assert.equal(afterLease(task({ state: "LEASED", spent: 2 }), expired).to, "QUEUED");
  });
});

describe("a cancel", () => {
  const outcome = (state: State) => afterCancel(task({ state }), "r")?.to;

  it("ends a task that no executor has, and orders the end of a task that one has", () => {
    assert.deepEqual((["QUEUED", "PARKED"] as const).map(outcome), ["CANCELLED", "CANCELLED"]);
    assert.deepEqual((["LEASED", "RUNNING"] as const).map(outcome), ["CANCELLING", "CANCELLING"]);
  });

  it("does not change a task that has ended or is being cancelled", () => {
    const nothing = (["CANCELLING", "SUCCEEDED", "FAILED", "CANCELLED"] as const).map(outcome);
    assert.deepEqual(nothing, [undefined, undefined, undefined, undefined]);
  });
});
