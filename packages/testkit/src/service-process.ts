import assert from "node:assert/strict";
import { askHealth, freePort, type ManagedProcess, startProcess } from "@ccsp/fleet";
import { eventually } from "./eventually.js";

export interface ServiceProcess {
  /** Of its gRPC server. */
  readonly address: string;
  readonly process: ManagedProcess;
  /** Status of a path of the ops port. */
  readonly ops: (path: string) => Promise<number>;
  /** What is wrong with its dependencies, by name. */
  readonly failing: () => Promise<Readonly<Record<string, string>>>;
  /** Value of the first series that begins so, as in `ccsp_monitor_runs_total{outcome="ok"`; 0 when there is none. */
  readonly metric: (series: string) => Promise<number>;
  stop(): Promise<void>;
}

/** One service from its sources in `folder`, as a process of its own on free ports; resolves when it is ready, else rejects with its output. */
export async function startServiceProcess(options: {
  readonly name: string;
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  /** Where its standard output and error go, such as /dev/full for a disk that is full; else they are kept for the message of a failed start. */
  readonly output?: string;
}): Promise<ServiceProcess> {
  const { name, folder, env, output } = options;
  const [grpcPort, opsPort] = [await freePort(), await freePort()];
  const prefix = `CCSP_${name.toUpperCase()}`;
  const lines: string[] = [];
  const node = [process.execPath, "--import", "tsx", "--conditions", "ccsp-src"];
  const main = [...node, "--import", "@ccsp/telemetry/register.js", "src/main.ts"];
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
      CCSP_LAME_DUCK: "10ms",
      ...env,
    },
    onLine: (line) => lines.push(line),
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
  return { address: `127.0.0.1:${grpcPort}`, process: child, ops, failing, metric, stop };
}
