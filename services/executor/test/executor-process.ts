import { fileURLToPath } from "node:url";
import { type ManagedProcess, serviceProgram, startProcess } from "@ccsp/fleet";
import { COMPILE_CACHE } from "@ccsp/testkit";

const FOLDER = fileURLToPath(new URL("..", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));

/**
 * Starts an executor as `make build` made it, in a separate process, with tracing loaded. It gets only these settings.
 * `nodeArgs` are for Node itself.
 */
export function startExecutorProcess(
  env: Readonly<Record<string, string>>,
  onLine?: (line: string) => void,
  nodeArgs: readonly string[] = [],
): Promise<ManagedProcess> {
  return startProcess({
    name: "executor",
    command: process.execPath,
    args: [...nodeArgs, ...serviceProgram(FOLDER)],
    env: { ...env, ...COMPILE_CACHE, CCSP_LOG_LEVEL: "info" },
    cwd: HERE,
    onLine,
  });
}
