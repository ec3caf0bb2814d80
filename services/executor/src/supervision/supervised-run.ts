import type { ExitCause, Overrun, RunExit, SupervisedRun } from "@ccsp/engine-kit";
import type { Cgroup } from "./cgroup.js";
import type { SupervisedProcess } from "./process.js";
import type { WatchedTree } from "./process-watch.js";
import { watchOutput } from "./watched-output.js";

export interface SuperviseOptions {
  readonly wallMs: number;
  readonly silenceMs: number;
  readonly stallMs: number;
}

/**
 * The run of a process that has just started, or that has waited for its input: its clocks run from now on, and it is released when the process
 * tree is gone.
 */
export function supervise(
  process: SupervisedProcess,
  belongings: {
    readonly tree: WatchedTree;
    readonly cgroup: Cgroup | undefined;
    readonly release: () => Promise<void>;
    /** The process was there before the run, and had taken so much: not the run's. */
    readonly waited: boolean;
    readonly spentCpuMs: number;
  },
  clocks: SuperviseOptions,
): { readonly run: SupervisedRun; readonly overrun: (why: Overrun) => void } {
  const { tree, cgroup, release, waited, spentCpuMs } = belongings;
  const startedAt = performance.now();
  let passed: Overrun | undefined;
  let lingering: NodeJS.Timeout | undefined;
  // Whoever waits for the end learns of a failure from `exited`.
  const unheard = () => {};
  const ofRun = (cpuMs: number | undefined) => cpuMs && Math.max(0, cpuMs - spentCpuMs);

  const exited = (async (): Promise<RunExit> => {
    try {
      const { stopped, ...exit } = await process.exited;
      const runMs = performance.now() - startedAt;
      const counted = await cgroup?.usage();
      if (counted?.outOfMemory) passed ??= "memory";
      const seen = tree.resources;
      const resources = {
        cpuMs: ofRun(counted?.cpuMs ?? seen.cpuMs),
        peakMemoryBytes: counted?.peakMemoryBytes ?? seen.peakMemoryBytes,
      };
      const otherwise: ExitCause = stopped ? "stopped" : exit.signal ? "signal" : "exited";
      return { ...exit, overrun: passed, cause: passed ?? otherwise, runMs, resources, waited };
    } finally {
      clearTimeout(lingering);
      await release();
    }
  })();
  exited.catch(unheard);

  const output = watchOutput(process, {
    ...clocks,
    onOverrun(why) {
      passed ??= why;
      process.stop().catch(unheard);
    },
  });

  return {
    run: {
      pid: process.pid,
      output: output.chunks,
      exited,
      progress: () => output.progress(),
      get resources() {
        const { cpuMs, peakMemoryBytes } = tree.resources;
        return { cpuMs: ofRun(cpuMs), peakMemoryBytes };
      },
      get processes() {
        return tree.processes;
      },
      async stop() {
        output.cut();
        await process.stop();
        await exited;
      },
      async kill() {
        output.cut();
        await process.kill();
        await exited;
      },
      endInput(ms) {
        tree.glance();
        process.endInput();
        clearTimeout(lingering);
        lingering = ms === undefined ? undefined : setTimeout(() => void process.stop().catch(unheard), ms);
      },
    },
    overrun(why) {
      passed ??= why;
      output.cut();
      // At once: a grace would be used to take more.
      process.kill().catch(unheard);
    },
  };
}
