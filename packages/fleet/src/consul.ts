import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findBinary } from "./binary.js";
import { freePort } from "./free-port.js";
import { type ManagedProcess, type OutputStream, startProcess } from "./process.js";
import { type Restartable, restartable } from "./restartable.js";
import { untilReady } from "./until-ready.js";

export interface ConsulOptions {
  readonly httpPort?: number | undefined;
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined;
  /** Told when it ends although nobody here asked for it. */
  readonly onCrash?: (() => void) | undefined;
}

/** Restarted, it has forgotten everything, as a -dev agent does. */
export interface ConsulAgent extends Restartable {
  readonly url: string;
  readonly port: number;
}

const READY_MS = 20_000;

/** Starts a Consul agent in -dev mode on 127.0.0.1; resolves when it takes registrations. The binary is CONSUL_BIN, or found on PATH, or from `make setup`. */
export async function startConsul(options: ConsulOptions = {}): Promise<ConsulAgent> {
  const command = findBinary("consul", "CONSUL_BIN");
  const port = options.httpPort ?? (await freePort());
  const args = await agentArgs(command, port);

  const start = async (): Promise<ManagedProcess> => {
    const started = await startProcess({ name: `consul:${port}`, command, args, env: {}, onLine: options.onLine });
    await untilReady(started, { timeoutMs: READY_MS, check: () => hasItself(port) });
    return started;
  };
  const agent = await restartable(start, options.onCrash);
  return Object.assign(agent, { url: `http://127.0.0.1:${port}`, port });
}

async function agentArgs(command: string, httpPort: number): Promise<string[]> {
  // Ports that cannot be turned off get free ones, so that any number of agents run side by side. From 1.14 on there is one
  // more, under a name that older versions refuse.
  const ports = [
    "grpc = -1",
    "dns = -1",
    "serf_wan = -1",
    ...((await version(command)) < 1.14 ? [] : ["grpc_tls = -1"]),
  ];
  const settings = [
    ["bind", "127.0.0.1"],
    ["client", "127.0.0.1"],
    ["log-level", "warn"],
    ["node", `ccsp-${httpPort}`],
    ["http-port", String(httpPort)],
    ["serf-lan-port", String(await freePort())],
    ["server-port", String(await freePort())],
    ["hcl", `ports { ${ports.join("\n")} }`],
    ["hcl", "disable_update_check = true"],
    ["hcl", "disable_anonymous_signature = true"],
  ] as const;
  return ["agent", "-dev", "-disable-host-node-id", ...settings.flatMap(([name, value]) => [`-${name}`, value])];
}

/** As a number such as 1.14, or NaN for one that says it in another way: then it is new. */
async function version(command: string): Promise<number> {
  const { stdout } = await promisify(execFile)(command, ["version"], { env: { CHECKPOINT_DISABLE: "1" } });
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) + Number(minor) / 100;
}

/** A leader alone is not enough: until the agent's own node is in the catalog, registrations are answered but not seen. */
async function hasItself(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/catalog/nodes`, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) throw new Error(`its catalog answers ${response.status}`);
  const nodes: unknown = await response.json();
  if (!Array.isArray(nodes) || nodes.length === 0) throw new Error("it has no leader yet");
}
