import type { EngineRun, RunFailure, RunOutcome, RunRequest } from "@ccsp/engine-kit";
import { promptOnly, runFailure } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import type { Clock } from "./clock.js";
import { engineUnknown, type InstalledEngine } from "./installed-engine.js";
import { UNSTARTED } from "./unstarted.js";

/** The outcome of a probe. */
export interface ProbeReport {
  /** Undefined: the engine answered. */
  readonly failure: RunFailure | undefined;
  /** In ms from the start of the process. Undefined: the engine wrote no text. */
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

/** Asks engines for a minimal answer that shows that they work. Probes use neither the queue nor slots. */
export interface Probe {
  /**
   * Runs "Hi" on an engine; an empty name means the first engine. One probe runs at a time, and others wait. A probe
   * takes at most a minute to start, another minute to run, and the grace of a kill. It ends when `signal` aborts. No
   * process is left when it settles. Rejects with ENGINE_UNKNOWN, or with the signal's reason if the signal aborts
   * before the answer.
   */
  run(engine: string, signal: AbortSignal): Promise<ProbeReport>;
  /** The number of probes in progress: 0 or 1. */
  running(): number;
}

/** An engine may have to wait before it starts a process, for example for its turn to use a login. */
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
    // The caller that stopped the probe knows why it failed. The engine is not at fault.
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

/** Stops the run when the signal aborts, even if it aborted before the run started. */
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
