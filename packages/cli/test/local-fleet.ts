import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  /** A command as a process of its own, from the build; its output goes to a file, or is read by lines. */
  spawn(args: readonly string[], options?: { output?: string; onLine?: (line: string) => void }): Promise<ManagedProcess>;
  /** Stops the fleet and removes the folder. */
  close(): Promise<void>;
}

export const UP = ["up", "--single", "--ports", "free"] as const;

export async function openLocalFolder(): Promise<LocalFolder> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-cli-"));
  const env = {
    PATH: process.env["PATH"] ?? "",
    USER: "tester",
    CCSP_STATE_DIR: dir,
    CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
    CCSP_CLAUDE_CODE_API_KEY: "fake-key",
    CCSP_LAME_DUCK: "10ms",
  };
  const spawned: ManagedProcess[] = [];
  return {
    dir,
    env,
    run: (...args) => ccsp(args, { env }),
    async spawn(args, { output, onLine } = {}) {
      const own = [process.execPath, BIN, ...args];
      const [command = "", ...rest] = output ? ["/bin/sh", "-c", 'exec "$@" >"$0" 2>&1', output, ...own] : own;
      const child = await startProcess({ name: "ccsp", command, args: rest, env, onLine });
      spawned.push(child);
      return child;
    },
    async close() {
      for (const child of spawned) await child.stop();
      await ccsp(["down"], { env });
      await rm(dir, { recursive: true, force: true });
    },
  };
}
