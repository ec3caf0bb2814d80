import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunExit, RunFolder, SupervisedRun } from "@ccsp/engine-kit";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import type { LaunchedProcess } from "../src/supervision/launched-run.js";
import { createSupervisor, type SupervisorOptions } from "../src/supervision/supervisor.js";

/** Unique to this test process: others may run the same tests at the same time. */
export const SUPERVISION_TEST = `supervision-test-${process.pid}`;

/** A script shows that it waits (see `Supervised.waits`), then reads a line. */
export const WAITS = 'touch "$TMPDIR/waits"; read line;';

export interface ScriptOptions extends Partial<SupervisorOptions> {
  readonly wallMs?: number;
  readonly prepare?: (folder: RunFolder) => Promise<void>;
  readonly workingFolder?: string;
  /** The allowed root that has it. */
  readonly workingRoot?: string;
}

export interface Supervised {
  readonly dir: string;
  /** Starts a shell script as a run. */
  start(script: string, options?: ScriptOptions): Promise<SupervisedRun>;
  /** Starts a shell script that waits for its input. */
  launch(script: string, options?: ScriptOptions): Promise<LaunchedProcess>;
  /** Resolves when so many scripts that have not ended came to their `WAITS`. */
  waits(many?: number): Promise<void>;
  close(): Promise<void>;
}

/** Supervisors for shell scripts, in a folder of their own. */
export async function supervised(): Promise<Supervised> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-supervision-test-"));
  const supervisors: { close(): Promise<void> }[] = [];
  let runs = 0;
  async function launch(
    script: string,
    { prepare = async () => {}, workingFolder, workingRoot, ...options }: ScriptOptions = {},
  ) {
    const supervisor = createSupervisor({
      executorId: SUPERVISION_TEST,
      // Each supervisor has its own boot id. A supervisor ends processes that have its boot's cookie and are not its
      // own runs.
      bootId: `boot-${++runs}`,
      folder: join(dir, String(runs)),
      temporary: join(dir, "tmp"),
      path: "/usr/bin:/bin",
      silenceMs: 60_000,
      stallMs: 60_000,
      graceMs: 500,
      limits: { memoryBytes: 0, processes: 0 },
      cgroups: undefined,
      setpriv: undefined,
      sandbox: undefined,
      broker: undefined,
      log: pino({ level: "silent" }),
      ...options,
    });
    supervisors.push(supervisor);
    return await supervisor.launch({
      run: "task:1",
      engine: "shell",
      command: "/bin/sh",
      async prepare(folder) {
        await prepare(folder);
        return { args: ["-c", script], env: {} };
      },
      traceparent: "",
      workingFolder,
      workingRoot,
    });
  }
  return {
    dir,
    launch,
    waits: (many = 1) =>
      eventually(async () => {
        const entries = await readdir(dir, { recursive: true });
        assert.equal(entries.filter((entry) => entry.endsWith("waits")).length, many);
      }),
    async start(script, options = {}) {
      const { wallMs = 60_000 } = options;
      return (await launch(script, options)).use({ input: "", wallMs }, { waited: false });
    },
    async close() {
      for (const supervisor of supervisors) await supervisor.close();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** Reads a run to its end. `onText` gets all the output until now, after each piece. */
export async function readAll(run: SupervisedRun, onText: (said: string) => void = () => {}): Promise<string> {
  let said = "";
  for await (const chunk of run.output) {
    said += chunk.toString();
    onText(said);
  }
  return said;
}

export async function exitOf(run: SupervisedRun): Promise<RunExit> {
  await readAll(run);
  return await run.exited;
}
