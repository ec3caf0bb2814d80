import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "@ccsp/config";
import { pino } from "pino";
import type { Engine, EngineEvent, EngineRun, RunLimits, RunOutcome, RunRequest } from "../engine.js";
import type { Supervisor } from "../supervisor.js";
import { answerOf } from "./answer.js";
import { createPlainSupervisor } from "./plain-supervisor.js";
import { livingInGroup } from "./processes.js";
import { plainRequest } from "./request.js";
import type { EngineRig } from "./rig.js";

/** An opened engine, with what the suite needs to know about its runs. */
export interface Bench {
  readonly engine: Engine;
  unknownLines: number;
  start(prompt: string, limits?: Partial<RunLimits>): Promise<EngineRun>;
  /** Runs a prompt to its end. `text` is the answer that the events give. */
  run(prompt: string, limits?: Partial<RunLimits>): Promise<BenchRun>;
  /** Throws while anything of a run is left. */
  checkNothingLeft(): Promise<void>;
  close(): Promise<void>;
}

export interface BenchRun {
  readonly events: readonly EngineEvent[];
  readonly text: string;
  readonly outcome: RunOutcome;
}

export async function openBench(
  { plugin, createSupervisor = createPlainSupervisor }: EngineRig,
  env: Readonly<Record<string, string>>,
  silenceMs: number,
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), "ccsp-engine-test-"));
  const supervisor: Supervisor & { close?(): Promise<void> } = createSupervisor({ folder, silenceMs });
  const { config } = load({ PATH: process.env["PATH"], ...env }, (settings) => plugin.define(settings));
  const engine = await plugin.open(config, {
    supervisor,
    log: pino({ level: "silent" }),
    onUnknownLine: () => {
      bench.unknownLines += 1;
    },
    onUnknownFailure: () => {},
  });
  const runs: EngineRun[] = [];
  let count = 0;

  const bench: Bench = {
    engine,
    unknownLines: 0,
    async start(prompt, limits = {}) {
      const plain = plainRequest(`task-${++count}`, prompt);
      const request: RunRequest = { ...plain, limits: { ...plain.limits, ...limits } };
      const run = await engine.start(request);
      runs.push(run);
      return run;
    },
    async run(prompt, limits) {
      const run = await bench.start(prompt, limits);
      const events = await collect(run);
      return { events, text: answerOf(events), outcome: await run.outcome };
    },
    async checkNothingLeft() {
      for (const { pid } of runs) assert.deepEqual(await livingInGroup(pid), [], "processes are left");
      assert.deepEqual(await readdir(folder), [], "folders are left");
    },
    async close() {
      for (const run of runs) await run.stop();
      await supervisor.close?.();
      await rm(folder, { recursive: true, force: true });
    },
  };
  return bench;
}

export async function collect(run: EngineRun): Promise<readonly EngineEvent[]> {
  const events: EngineEvent[] = [];
  for await (const event of run.events) events.push(event);
  return events;
}

/** Reads a run until it has written some text. The iterator stays open. */
export async function firstText(events: AsyncIterator<EngineEvent>): Promise<string> {
  for (;;) {
    const { done, value } = await events.next();
    if (done) throw new Error("ended without text");
    if (value.type === "text") return value.text;
  }
}
