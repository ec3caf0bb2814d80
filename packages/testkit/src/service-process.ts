import assert from "node:assert/strict";
import { askHealth, freePort, type ManagedProcess, serviceProgram, startProcess } from "@ccsp/fleet";
import { eventually } from "./eventually.js";

const { NODE_COMPILE_CACHE } = process.env;

/** The setting that lets Node find what it compiled earlier, so that processes start faster. Empty unless `make` set it. */
export const COMPILE_CACHE: Readonly<Record<string, string>> = NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE } : {};

export interface ServiceProcess {
  /** The address of its gRPC server. */
  readonly address: string;
  /** The URL of its HTTP server. Only the gateway has one. */
  readonly httpAddress: string;
  readonly process: ManagedProcess;
  /** Returns the HTTP status of a path on the ops port. */
  readonly ops: (path: string) => Promise<number>;
  /** Returns the fault of each failing dependency, by the name of the dependency. */
  readonly failing: () => Promise<Readonly<Record<string, string>>>;
  /**
   * Returns the value of the first series whose text begins like this, for example
   * `ccsp_monitor_runs_total{outcome="ok"`. Returns 0 if there is none.
   */
  readonly metric: (series: string) => Promise<number>;
  stop(): Promise<void>;
}

/**
 * Starts the service in `folder`, services/NAME, from what `make build` made of it, as a process of its own on free ports.
 * Resolves when the service is ready. Otherwise rejects, and the error has the output of the process.
 */
export async function startServiceProcess(options: {
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /**
   * The file for standard output and error, for example /dev/full to simulate a full disk. If omitted, the lines are
   * kept for the error of a failed start.
   */
  readonly output?: string;
  /** Called with each line that the process prints. */
  readonly onLine?: (line: string) => void;
}): Promise<ServiceProcess> {
  const { name, folder, env, output, onLine } = options;
  const [grpcPort, opsPort, httpPort] = [await freePort(), await freePort(), await freePort()];
  const prefix = `CCSP_${name.toUpperCase()}`;
  const lines: string[] = [];
  const main = [process.execPath, ...serviceProgram(folder)];
  const [command = "", ...args] =
    output === undefined ? main : ["/bin/sh", "-c", 'exec "$@" >"$0" 2>&1', output, ...main];
  const child = await startProcess({
    name,
    command,
    args,
    cwd: folder,
    env: {
      [`${prefix}_LISTEN`]: `127.0.0.1:${grpcPort}`,
      [`${prefix}_OPS_LISTEN`]: `127.0.0.1:${opsPort}`,
      ...(name === "gateway" && { [`${prefix}_HTTP_LISTEN`]: `127.0.0.1:${httpPort}` }),
      CCSP_LAME_DUCK: "10ms",
      ...COMPILE_CACHE,
      ...env,
    },
    onLine: (line) => {
      lines.push(line);
      onLine?.(line);
    },
  });
  const get = (path: string) => fetch(`http://127.0.0.1:${opsPort}${path}`);
  const ops = async (path: string) => (await get(path)).status;
  const failing = async () => (await askHealth(opsPort, 5_000)).failing;
  const metric = async (series: string) => {
    const text = await (await get("/metrics")).text();
    const line = text.split("\n").find((each) => each.startsWith(series));
    return line === undefined ? 0 : Number(line.split(" ").at(-1));
  };
  const stop = async () => {
    await child.stop();
  };
  try {
    await eventually(
      async () => {
        assert.equal(await ops("/ready"), 200);
        assert.deepEqual(await failing(), {});
      },
      { timeoutMs: 45_000 },
    );
  } catch (error) {
    await stop();
    throw new Error(`${name} did not get ready: ${lines.join("\n")}`, { cause: error });
  }
  const [address, httpAddress] = [`127.0.0.1:${grpcPort}`, `http://127.0.0.1:${httpPort}`];
  return { address, httpAddress, process: child, ops, failing, metric, stop };
}
