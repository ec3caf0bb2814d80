import type { ManagedProcess } from "./process.js";

/** A server that tests can kill and start again. */
export interface Restartable {
  /** The pid of the process that runs now, or of the last one. */
  readonly pid: number;
  /** Sends SIGTERM, and SIGKILL if the process does not end. Idempotent. */
  stop(): Promise<void>;
  /** Kills it with SIGKILL. Resolves when it has ended. */
  kill9(): Promise<void>;
  /** Starts it again with the same port and data folder. Resolves when it is ready. If it runs, it is stopped first. */
  restart(): Promise<void>;
}

/** Calls `onCrash` when the process ends for any other reason than the methods above. */
export async function restartable(start: () => Promise<ManagedProcess>, onCrash?: () => void): Promise<Restartable> {
  /** The process that a method above is ending. */
  let condemned: ManagedProcess | undefined;
  const launch = async () => {
    const started = await start();
    void started.exited.finally(() => {
      if (condemned !== started) onCrash?.();
    });
    return started;
  };
  let current = await launch();

  const stop = async () => {
    condemned = current;
    await current.stop();
  };
  return {
    get pid() {
      return current.pid;
    },
    stop,
    async kill9() {
      condemned = current;
      current.kill("SIGKILL");
      await current.exited;
    },
    async restart() {
      await stop();
      current = await launch();
    },
  };
}
