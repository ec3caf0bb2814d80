import type { Overrun, RunFolder, RunOptions, SupervisedRun } from "@ccsp/engine-kit";
import type { Cgroup } from "./cgroup.js";
import { readStat } from "./proc.js";
import type { SupervisedProcess } from "./process.js";
import type { WatchedTree } from "./process-watch.js";
import { type SuperviseOptions, supervise } from "./supervised-run.js";

/** A process that waits for its input: supervised in all but the clocks of a run. */
export interface LaunchedProcess {
  readonly pid: number;
  /** It can be given its input. */
  readonly alive: boolean;
  /** Memory of all its processes, with its share of what they share; 0 where that is not told. Dear. */
  memoryBytes(): number;
  /** Gives it its input, once: it is a run from now on. */
  use(options: UseOptions): SupervisedRun;
  /** Kills it, if it was not used. Resolves with `gone`. Idempotent. */
  end(): Promise<void>;
  /** Resolves when nothing is left of one that was not used, save a folder that cannot be removed. Never rejects. */
  readonly gone: Promise<void>;
}

export interface UseOptions extends Pick<RunOptions, "input" | "wallMs" | "collect"> {
  /** It was started before the run was there: the time that it took until now is not the run's. */
  readonly waited: boolean;
}

export interface LaunchedOptions {
  readonly folder: RunFolder;
  readonly tree: WatchedTree;
  readonly cgroup: Cgroup | undefined;
  /** Resolves when nothing is left of it. */
  readonly release: () => Promise<void>;
  readonly clocks: Omit<SuperviseOptions, "wallMs">;
  /** In place of the run's own. */
  readonly input: string | undefined;
  /** What cannot be told to whoever waits for a run. */
  readonly onFault: (err: unknown, message: string) => void;
}

/** `overrun` is to be called when it passes a limit of memory or number. */
export function launched(
  process: SupervisedProcess,
  { folder, tree, cgroup, release, clocks, input, onFault }: LaunchedOptions,
): { readonly launched: LaunchedProcess; readonly overrun: (why: Overrun) => void } {
  let used = false;
  const kill = () => process.kill().catch((err: unknown) => onFault(err, "a waiting process does not die"));
  let overrun: (why: Overrun) => void = () => void kill();

  const gone = (async () => {
    await process.exited.catch((err: unknown) => onFault(err, "a waiting process does not die"));
    if (!used) await release().catch((err: unknown) => onFault(err, "a waiting process could not be released"));
  })();

  return {
    overrun: (why) => overrun(why),
    launched: {
      pid: process.pid,
      get alive() {
        return process.alive;
      },
      memoryBytes: () => tree.pssBytes(),
      use({ input: own, wallMs, collect, waited }) {
        used = true;
        const spentCpuMs = waited ? (readStat(process.pid)?.cpuMs ?? 0) : 0;
        process.write(input ?? own);
        const collectAndRelease = async () => {
          await collect?.(folder).catch((err: unknown) => onFault(err, "a run's files could not be collected"));
          await release();
        };
        const belongings = { tree, cgroup, release: collectAndRelease, waited, spentCpuMs };
        const supervised = supervise(process, belongings, { ...clocks, wallMs });
        overrun = supervised.overrun;
        return supervised.run;
      },
      async end() {
        if (!used) await kill();
        await gone;
      },
      gone,
    },
  };
}
