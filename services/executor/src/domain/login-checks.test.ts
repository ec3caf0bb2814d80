import assert from "node:assert/strict";
import { type RunFailure, type RunOutcome, runFailure } from "@ccsp/engine-kit";
import { LoginChecks } from "./login-checks.js";
import type { ProbeReport } from "./probe.js";

const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
const denied = runFailure("ACCESS_DENIED", "the provider refused this request or its model (403)");
const failed = (failure: RunFailure): RunOutcome => ({ ok: false, failure, usage: undefined, costUsd: undefined });
const succeeded = { ok: true } as RunOutcome;

/** The test decides when runs end and when probes answer. */
function setUp() {
  const ends: ((outcome: RunOutcome) => void)[] = [];
  const probes: { readonly signal: AbortSignal; answer(failure?: RunFailure): void; refuse(): void }[] = [];
  const checks = new LoginChecks({
    probe: (_engine, signal) =>
      new Promise((resolve, reject) => {
        const report = { firstTextMs: 1, totalMs: 1, engineVersion: "1", model: "m" };
        probes.push({
          signal,
          answer: (failure) => resolve({ ...report, failure } satisfies ProbeReport),
          refuse: () => reject(new Error("an emergency stop is in force")),
        });
      }),
  });
  return {
    probes,
    ends,
    async start() {
      const judge = checks.begin("fake");
      const ending = new AbortController();
      const outcome = new Promise<RunOutcome>((resolve) => ends.push(resolve)).then((came) =>
        judge(came, ending.signal),
      );
      const category = outcome.then((came) => (came.ok ? "ok" : came.failure.category));
      const retryable = outcome.then((came) => !came.ok && came.failure.retryable);
      return { category, retryable, end: ends.at(-1) ?? assert.fail(), stop: () => ending.abort() };
    },
  };
}

describe("a refusal of a run by the provider", () => {
  it("is caused by the task when a probe is answered", async () => {
    const { start, probes } = setUp();
    const { end, category, retryable } = await start();
    end(failed(denied));
    await settled();
    probes[0]?.answer();
    assert.deepEqual([await category, await retryable], ["ACCESS_DENIED", false]);
  });

  for (const again of ["ACCESS_DENIED", "SESSION_TIMEOUT"] as const) {
    it(`is caused by the login when a probe ends in ${again} too`, async () => {
      const { start, probes } = setUp();
      const { end, category } = await start();
      end(failed(denied));
      await settled();
      probes[0]?.answer(runFailure(again, "refused"));
      assert.equal(await category, "SESSION_TIMEOUT");
    });
  }

  it("is caused by the task, and starts no probe, when another run succeeded meanwhile", async () => {
    const { start, probes } = setUp();
    const [one, other] = [await start(), await start()];
    other.end(succeeded);
    await other.category;
    one.end(failed(denied));
    assert.equal(await one.category, "ACCESS_DENIED");
    assert.equal(probes.length, 0);
    const later = await start();
    later.end(failed(denied));
    await settled();
    assert.equal(probes.length, 1, "an earlier success does not count");
    probes[0]?.answer();
    await later.category;
  });

  it("may be tried again when the probe gives no answer: another failure, or no probe may start", async () => {
    for (const find of [
      (probe: ReturnType<typeof setUp>["probes"][number]) => probe.answer(runFailure("NETWORK_ERROR", "away")),
      (probe: ReturnType<typeof setUp>["probes"][number]) => probe.refuse(),
    ]) {
      const { start, probes } = setUp();
      const { end, category, retryable } = await start();
      end(failed(denied));
      await settled();
      find(probes[0] ?? assert.fail());
      assert.deepEqual([await category, await retryable], ["ACCESS_DENIED", true]);
    }
  });

  it("shares a probe with refusals that come before it begins, and not with later ones", async () => {
    const { start, probes } = setUp();
    const runs = [await start(), await start(), await start()];
    for (const { end } of runs.slice(0, 2)) end(failed(denied));
    await settled();
    runs[2]?.end(failed(denied));
    await settled();
    assert.equal(probes.length, 1);
    probes[0]?.answer();
    await settled();
    assert.equal(probes.length, 2);
    probes[1]?.answer(denied);
    assert.deepEqual(await Promise.all(runs.map(({ category }) => category)), [
      "ACCESS_DENIED",
      "ACCESS_DENIED",
      "SESSION_TIMEOUT",
    ]);
  });

  it("waits for no probe once its run is stopped, and the probe is aborted", async () => {
    const { start, probes } = setUp();
    const { stop, end, category } = await start();
    end(failed(denied));
    await settled();
    stop();
    assert.equal(await category, "ACCESS_DENIED");
    assert.equal(probes[0]?.signal.aborted, true);
  });

  it("gets the probe that a stopped run had waited for", async () => {
    const { start, probes } = setUp();
    const [first, second, third] = [await start(), await start(), await start()];
    first.end(failed(denied));
    await settled();
    second.end(failed(denied));
    await settled();
    second.stop();
    await second.category;
    third.end(failed(denied));
    await settled();
    probes[0]?.answer();
    await settled();
    assert.equal(probes.length, 2);
    probes[1]?.answer(denied);
    assert.equal(await third.category, "SESSION_TIMEOUT");
  });

  it("is probed only for the category ACCESS_DENIED", async () => {
    const { start, probes } = setUp();
    for (const category of ["SESSION_TIMEOUT", "RATE_LIMIT"] as const) {
      const run = await start();
      run.end(failed(runFailure(category, "m")));
      assert.equal(await run.category, category);
    }
    assert.equal(probes.length, 0);
  });
});
