import type { EngineRun, RunFailure, RunOutcome, RunRequest } from "@ccsp/engine-kit";
import { promptOnly, runFailure } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import { engineUnknown, type InstalledEngine } from "./installed-engine.js";
import { UNSTARTED } from "./unstarted.js";

/** What came of a probe. */
export interface ProbeReport {
  /** Undefined: the engine answered. */
  readonly failure: RunFailure | undefined;
  /** From the start of the process; undefined: no text came. */
  readonly firstTextMs: number | undefined;
  readonly totalMs: number;
  readonly engineVersion: string;
  readonly model: string;
}

export interface ProbeDeps {
  readonly engines: readonly InstalledEngine[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Asks engines for the least that shows that they work, outside the queue and its slots. */
export interface Probe {
  /**
   * Runs "Hi" on an engine; empty: the first one. One at a time: others wait. Takes at most a minute until it starts, another one and the grace
   * of a kill, and ends when `signal` aborts; no process is left after it. Rejects with ENGINE_UNKNOWN, or with the signal's reason when that came before
   * the answer.
   */
  run(engine: string, signal: AbortSignal): Promise<ProbeReport>;
  /** How many are under way: 0 or 1. */
  running(): number;
}

/** An engine may have to wait before it starts a process: for its turn with a login, say. */
const START_MS = 60_000;
const WALL_MS = 60_000;
const OUTPUT_BYTES = 64 * 1024;

export function createProbe({ engines, clock, log }: ProbeDeps): Probe {
  let count = 0n;
  let running = 0;
  let last: Promise<unknown> = Promise.resolve();

  async function probe({ engine, version }: InstalledEngine, signal: AbortSignal): Promise<ProbeReport> {
    signal.throwIfAborted();
    running = 1;
    const startedAt = clock.now();
    let firstTextMs: number | undefined;
    let outcome: RunOutcome;
    const [late, started] = [new AbortController(), new AbortController()];
    void clock.wait(START_MS, started.signal).then(() => late.abort());
    try {
      const run = await engine.start({ ...HI, fence: ++count, unwanted: AbortSignal.any([signal, late.signal]) });
      started.abort();
      stopOn(signal, run, log);
      for await (const event of run.events) {
        if (event.type === "text") firstTextMs ??= clock.now() - startedAt;
      }
      outcome = await run.outcome;
    } catch (err) {
      signal.throwIfAborted();
      log.error({ err, engine: engine.name }, "engine could not be probed");
      const failure = late.signal.aborted && !started.signal.aborted ? tooLate : UNSTARTED;
      outcome = { ok: false, failure, usage: undefined, costUsd: undefined };
    } finally {
      started.abort();
      running = 0;
    }
    // The one who stopped the probe knows why it failed. It is no fault of the engine.
    if (!outcome.ok) signal.throwIfAborted();
    const totalMs = clock.now() - startedAt;
    const failure = outcome.ok ? undefined : outcome.failure;
    log.info({ engine: engine.name, failure: failure?.category, firstTextMs, totalMs }, "engine probed");
    const said = outcome.ok ? outcome.result : { engineVersion: "", model: "" };
    return { failure, firstTextMs, totalMs, engineVersion: said.engineVersion || version, model: said.model };
  }

  return {
    async run(name, signal) {
      const installed = name === "" ? engines[0] : engines.find(({ engine }) => engine.name === name);
      if (installed === undefined) throw engineUnknown(name);
      const mine = last.then(() => probe(installed, signal));
      last = mine.catch(() => {});
      return await mine;
    },
    running: () => running,
  };
}

/** Ends the run when the signal aborts, also when it did before the run was there. */
function stopOn(signal: AbortSignal, run: EngineRun, log: Logger): void {
  const stop = () => {
    run.stop().catch((err: unknown) => log.error({ err }, "probed engine could not be stopped"));
  };
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
}

const HI: Omit<RunRequest, "fence"> = {
  ...promptOnly("Hi"),
  taskId: "probe",
  startNow: true,
  limits: { wallMs: WALL_MS, outputBytes: OUTPUT_BYTES, turns: undefined, budgetUsd: undefined },
};

const tooLate = runFailure("TIMEOUT", "the engine did not start it in time", { source: "CCSP" });
