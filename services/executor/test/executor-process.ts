import { fileURLToPath } from "node:url";
import { type ManagedProcess, startProcess } from "@ccsp/fleet";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const HERE = fileURLToPath(new URL(".", import.meta.url));

/**
 * Starts an executor in a separate process, with tracing loaded. It gets only these settings. `nodeArgs` are for Node
 * itself.
 */
export function startExecutorProcess(
  env: Readonly<Record<string, string>>,
  onLine?: (line: string) => void,
  nodeArgs: readonly string[] = [],
): Promise<ManagedProcess> {
  return startProcess({
    name: "executor",
    command: process.execPath,
    args: [...nodeArgs, "--conditions", "ccsp-src", "--import", "tsx", "--import", "@ccsp/telemetry/register.js", MAIN],
    env: { ...env, CCSP_LOG_LEVEL: "info" },
    cwd: HERE,
    onLine,
  });
}
