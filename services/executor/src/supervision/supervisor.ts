import type { Overrun, RunExit, Supervisor } from "@ccsp/engine-kit";
import type { Logger } from "pino";
import { startProcess } from "./process.js";
import { createRunFolder } from "./run-folder.js";
import { watchedOutput } from "./watched-output.js";

export interface SupervisorOptions {
  readonly executorId: string;
  readonly bootId: string;
  /** Runs get their folders in here. */
  readonly folder: string;
  /** PATH of every engine. */
  readonly path: string;
  readonly silenceMs: number;
  readonly graceMs: number;
  readonly setpriv: string | undefined;
  readonly log: Logger;
}

/** Runs engines of any kind: own session, own folders, an environment that holds what is listed here and nothing else. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  const { executorId, bootId, path, silenceMs, graceMs, setpriv, log } = options;
  return {
    async start({ run, command, prepare, input, wallMs, traceparent }) {
      const folder = await createRunFolder(options.folder, run.replaceAll(/[^A-Za-z0-9._-]/g, "-"));
      try {
        const { args, env } = await prepare(folder);
        const startedAt = performance.now();
        const process = await startProcess({
          command,
          args,
          env: {
            PATH: path,
            HOME: folder.home,
            TMPDIR: folder.tmp,
            LANG: "C.UTF-8",
            ...env,
            ...(traceparent && { TRACEPARENT: traceparent }),
          },
          cwd: folder.work,
          input,
          cookie: { executorId, bootId, run },
          graceMs,
          setpriv,
        });

        let overrun: Overrun | undefined;
        let last: NodeJS.Timeout | undefined;
        const exited = (async (): Promise<RunExit> => {
          try {
            const exit = await process.exited;
            return { ...exit, overrun, runMs: performance.now() - startedAt };
          } finally {
            clearTimeout(last);
            // What the run brought counts all the same; the next boot tries again.
            await folder.remove().catch((err: unknown) => log.error({ err, run }, "folder of a run is left behind"));
          }
        })();
        const stop = async () => {
          await process.stop();
          await exited;
        };
        // Whoever waits for the end learns of a failure from `exited`.
        const stopUnasked = () => void stop().catch(() => {});
        return {
          pid: process.pid,
          output: watchedOutput(process, {
            wallMs,
            silenceMs,
            onOverrun(why) {
              overrun = why;
              stopUnasked();
            },
          }),
          exited,
          stop,
          endInput(ms) {
            process.endInput();
            last ??= setTimeout(stopUnasked, ms);
          },
        };
      } catch (err) {
        await folder.remove();
        throw err;
      }
    },
  };
}
