import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const FIXTURE = fileURLToPath(new URL("./fixture-main.ts", import.meta.url));

export interface Child {
  /**
   * Resolves when a line of stdout or stderr contains `text`. Earlier lines count too. Rejects if the process ends
   * without such a line.
   */
  says(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** All of its output, after it has ended. */
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string[]; stderr: string[] }>;
}

/**
 * Starts the fixture service as a separate process, with the compiled packages. Its environment is `env` and nothing of
 * this process's environment.
 */
export function startFixture(env: Readonly<Record<string, string>>, args: readonly string[] = []): Child {
  const child = spawn(process.execPath, [FIXTURE, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  const stdout: string[] = [];
  const stderr: string[] = [];
  let waiting: (() => void)[] = [];
  const collect = (lines: string[]) => (line: string) => {
    lines.push(line);
    for (const look of waiting) look();
  };
  createInterface(child.stdout).on("line", collect(stdout));
  createInterface(child.stderr).on("line", collect(stderr));
  const ended = once(child, "close").then(([code, signal]) => ({ code, signal, stdout, stderr }));

  const said = (text: string): boolean => [...stdout, ...stderr].some((line) => line.includes(text));
  return {
    async says(text) {
      const heard = new Promise<void>((resolve) => {
        const look = (): void => {
          if (said(text)) resolve();
        };
        waiting = [...waiting, look];
        look();
      });
      const silent = async (): Promise<void> => {
        await ended;
        if (!said(text)) throw new Error(`ended without "${text}":\n${[...stdout, ...stderr].join("\n")}`);
      };
      await Promise.race([heard, silent()]);
    },
    kill: (signal) => void child.kill(signal),
    ended,
  };
}
