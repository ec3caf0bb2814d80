import { type ManagedProcess, startProcess } from "@ccsp/fleet";

/** A process that is killed and paused at random. After a kill it is started again immediately. */
export interface Part {
  readonly name: string;
  /** One entry for each time that the process ended by itself, with its last lines. */
  readonly crashes: readonly string[];
  /** Sends SIGKILL and immediately starts a new process. Resolves when the new process runs. */
  kill9(): Promise<void>;
  /** Sends SIGSTOP: the process exists and does nothing. */
  pause(): void;
  goOn(): void;
  stop(): Promise<void>;
}

export interface PartOptions {
  readonly name: string;
  /** The arguments of the n-th process. The first is 1. */
  readonly args: (boot: number) => readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly onLine?: (line: string) => void;
}

const STOP_MS = 5_000;

export async function startPart({ name, args, env, cwd, onLine }: PartOptions): Promise<Part> {
  const crashes: string[] = [];
  let boots = 0;
  let condemned: ManagedProcess | undefined;
  let stopped = false;

  const launch = async (): Promise<ManagedProcess> => {
    const options = { name, command: process.execPath, args: args(++boots), env, cwd, ...(onLine && { onLine }) };
    const started = await startProcess(options);
    void watch(started);
    return started;
  };
  const watch = async (started: ManagedProcess): Promise<void> => {
    const { code, signal } = await started.exited;
    if (condemned === started || stopped) return;
    crashes.push(`${name} ended by itself (${signal ?? `exit ${code}`}): ${started.lastLines().slice(-3).join(" ")}`);
    current = await launch();
  };
  let current = await launch();

  return {
    name,
    crashes,
    async kill9() {
      condemned = current;
      current.kill("SIGKILL");
      await current.exited;
      if (!stopped) current = await launch();
    },
    pause: () => void current.kill("SIGSTOP"),
    goOn: () => void current.kill("SIGCONT"),
    async stop() {
      stopped = true;
      current.kill("SIGCONT");
      await current.stop(STOP_MS);
    },
  };
}
