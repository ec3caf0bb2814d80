import { type ManagedProcess, startProcess } from "@ccsp/fleet";

/** A process that is killed and paused at random, and started again at once. */
export interface Part {
  readonly name: string;
  /** How often it ended although nobody killed it; each with its last lines. */
  readonly crashes: readonly string[];
  /** SIGKILL, and at once a new process. Resolves when that runs. */
  kill9(): Promise<void>;
  /** SIGSTOP: it is there and does nothing. */
  pause(): void;
  goOn(): void;
  stop(): Promise<void>;
}

export interface PartOptions {
  readonly name: string;
  /** Of the n-th process, from 1. */
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
