import assert from "node:assert/strict";
import { type Engine, type EngineRun, type RunOutcome, runFailure } from "@ccsp/engine-kit";
import { Refusal } from "@ccsp/errors";
import { pino } from "pino";
import type { Clock } from "./clock.js";
import { createProbe } from "./probe.js";

const never: Clock = { now: () => 0, date: () => 0, wait: () => new Promise(() => {}) };

/** An engine that waits for its turn to use a login. As its contract says, it rejects when the run is unwanted. */
const waitingForLogin = (onWait: () => void): Engine => ({
  name: "fake",
  capabilities: { streaming: true, usage: false, takes: [] },
  version: async () => "1",
  start: ({ unwanted }) =>
    new Promise<EngineRun>((_resolve, reject) => {
      unwanted?.addEventListener("abort", () => reject(new Error("the run was cancelled")), { once: true });
      onWait();
    }),
});

/** An engine whose run continues until it is stopped, and then ends as its process does. */
const running = (onStart: () => void): Engine => ({
  ...waitingForLogin(() => {}),
  async start() {
    let end = (_outcome: RunOutcome) => {};
    const outcome = new Promise<RunOutcome>((resolve) => {
      end = resolve;
    });
    const failure = runFailure("ENGINE_CRASH", "ended by SIGTERM");
    const stop = async () => end({ ok: false, failure, usage: undefined, costUsd: undefined });
    setImmediate(onStart);
    return {
      pid: 1,
      processes: 1,
      resources: { cpuMs: 0, peakMemoryBytes: 0 },
      events: (async function* () {})(),
      outcome,
      stop,
      kill: stop,
    };
  },
});

describe("a probe", () => {
  const stopped = { reason: "SUBMIT_STOPPED" };
  const cases = { "waits for its login": waitingForLogin, runs: running };
  for (const [what, engineThat] of Object.entries(cases)) {
    it(`that is stopped while the engine ${what} is refused because of the stop, and is not a fault of the engine`, async () => {
      const stop = new AbortController();
      let reach = () => {};
      const reached = new Promise<void>((resolve) => {
        reach = resolve;
      });
      const installed = { slots: 1, version: "1", minimumVersion: undefined, origin: "built-in", brokered: false };
      const engines = [{ ...installed, engine: engineThat(() => reach()) }];
      const probe = createProbe({ engines, clock: never, log: pino({ level: "silent" }) });
      const asked = probe.run("", stop.signal);
      await reached;
      assert.equal(probe.running(), 1);
      stop.abort(new Refusal("SUBMIT_STOPPED", "the emergency stop e is in force"));
      await assert.rejects(asked, stopped);
      assert.equal(probe.running(), 0);
    });
  }
});
