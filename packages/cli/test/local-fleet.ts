import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ManagedProcess, startProcess } from "@ccsp/fleet";
import { SCRIPTED_ENGINE } from "@ccsp/testkit";
import { ccsp } from "./memory-io.js";

const BIN = fileURLToPath(new URL("../bin/ccsp.js", import.meta.url));

/** A folder for a fleet of one process, in which commands run. */
export interface LocalFolder {
  readonly dir: string;
  readonly env: Readonly<Record<string, string>>;
  run(...args: readonly string[]): ReturnType<typeof ccsp>;
  /**
   * Starts a command as a separate process, from the build. Its output goes to a file, or the caller reads it by lines.
   */
  spawn(
    args: readonly string[],
    options?: { output?: string; onLine?: (line: string) => void },
  ): Promise<ManagedProcess>;
  /** The process ids of each Redis that was started here, in order. */
  redisPids(): Promise<readonly number[]>;
  /** Prevents Redis from starting until the returned function is called. */
  holdRedis(): Promise<() => Promise<void>>;
  /** Stops the fleet and removes the folder. */
  close(): Promise<void>;
}

function goOn(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch {
    // the process is gone
  }
}

/** Starts Redis when the file that holds it is gone. */
const REDIS_SCRIPT = `#!/bin/sh
PATH='${process.env["PATH"]}'
echo $$ >>"$0.pids"
while [ -e "$0.hold" ]; do sleep 0.05; done
exec ${process.env["REDIS_SERVER_BIN"] || "redis-server"} "$@"
`;

export const UP = ["up", "--single", "--ports", "free"] as const;

export async function openLocalFolder(): Promise<LocalFolder> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
  const redis = join(dir, "redis-server");
  const env = {
    REDIS_SERVER_BIN: redis,
    PATH: process.env["PATH"] ?? "",
    USER: "tester",
    CCSP_STATE_DIR: dir,
    CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
    CCSP_EXECUTOR_SANDBOX_READ: dirname(SCRIPTED_ENGINE),
    // The scripted engine counts its runs there.
    CCSP_EXECUTOR_SANDBOX_WRITE: join(dir, "runs"),
    CCSP_CLAUDE_CODE_API_KEY: "fake-key",
    CCSP_LAME_DUCK: "10ms",
    CCSP_DRAIN_TIMEOUT: "1s",
  };
  await mkdir(join(dir, "runs"), { mode: 0o700 });
  await writeFile(redis, REDIS_SCRIPT, { mode: 0o700 });
  const spawned: ManagedProcess[] = [];
  const redisPids = async () => {
    const pids = await readFile(`${redis}.pids`, "utf8").catch(() => "");
    return pids.split("\n").filter(Boolean).map(Number);
  };
  return {
    dir,
    env,
    redisPids,
    async holdRedis() {
      await writeFile(`${redis}.hold`, "");
      return () => rm(`${redis}.hold`);
    },
    run: (...args) => ccsp(args, { env }),
    async spawn(args, { output, onLine } = {}) {
      const own = [process.execPath, BIN, ...args];
      const [command = "", ...rest] = output ? ["/bin/sh", "-c", 'exec "$@" >"$0" 2>&1', output, ...own] : own;
      const child = await startProcess({ name: "ccsp", command, args: rest, env, onLine });
      spawned.push(child);
      return child;
    },
    async close() {
      // A failed test may have left a process stopped. A stopped process does not react to a request to end.
      for (const pid of await redisPids()) goOn(pid);
      for (const child of spawned) await child.stop();
      await ccsp(["down"], { env });
      await rm(dir, { recursive: true, force: true });
    },
  };
}
