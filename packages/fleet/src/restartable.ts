import type { ManagedProcess } from "./process.js";

/** A server that tests kill and start again at will. */
export interface Restartable {
  /** Of the process that runs now, or ran last. */
  readonly pid: number;
  /** SIGTERM, and SIGKILL when that does not help. Idempotent. */
  stop(): Promise<void>;
  /** Ends it without warning; resolves when it is gone. */
  kill9(): Promise<void>;
  /** Starts it again where it was; resolves when it is ready. Stops it first when it runs. */
  restart(): Promise<void>;
}

/** `onCrash` is told when the process ends otherwise than by one of the above. */
export async function restartable(start: () => Promise<ManagedProcess>, onCrash?: () => void): Promise<Restartable> {
  /** The process whose end was asked for. */
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
