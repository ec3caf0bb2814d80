import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { findBinary } from "./binary.js";
import type { ConsulTokens } from "./consul-tokens.js";
import { freePort } from "./free-port.js";
import { START_LIMIT_MS } from "./patience.js";
import { type ManagedProcess, type OutputStream, startProcess } from "./process.js";
import { type Restartable, restartable } from "./restartable.js";
import { untilReady } from "./until-ready.js";

export interface ConsulOptions {
  readonly httpPort?: number | undefined;
  /** The tokens of its ACL. If omitted, everyone on this machine may do everything. */
  readonly tokens?: ConsulTokens | undefined;
  /** More arguments of the agent. */
  readonly args?: readonly string[] | undefined;
  /** How long it may start without progress. */
  readonly startLimitMs?: number | undefined;
  readonly onLine?: ((line: string, stream: OutputStream) => void) | undefined;
  /** Called when the agent ends and no caller of this package has stopped it. */
  readonly onCrash?: (() => void) | undefined;
}

/** A Consul agent in -dev mode. It loses all of its data at a restart. */
export interface ConsulAgent extends Restartable {
  readonly url: string;
  readonly port: number;
  readonly tokens: ConsulTokens | undefined;
}

/**
 * Starts a Consul agent in -dev mode on 127.0.0.1. Resolves when it accepts registrations. The binary is CONSUL_BIN, or
 * the one on PATH, or the one from `make setup`.
 */
export async function startConsul(options: ConsulOptions = {}): Promise<ConsulAgent> {
  const command = findBinary("consul", "CONSUL_BIN");
  const port = options.httpPort ?? (await freePort());
  const { tokens } = options;
  const url = `http://127.0.0.1:${port}`;
  const args = [...(await agentArgs(command, port, tokens)), ...(options.args ?? [])];

  const start = async (): Promise<ManagedProcess> => {
    const started = await startProcess({ name: `consul:${port}`, command, args, env: {}, onLine: options.onLine });
    const check = async (): Promise<void> => {
      await hasItself(url, tokens?.management);
      await tokens?.grant(url);
    };
    await untilReady(started, { limitMs: options.startLimitMs ?? START_LIMIT_MS, check });
    return started;
  };
  const agent = await restartable(start, options.onCrash);
  return Object.assign(agent, { url, port, tokens });
}

async function agentArgs(command: string, httpPort: number, tokens: ConsulTokens | undefined): Promise<string[]> {
  const release = await version(command);
  // Ports that cannot be turned off get free port numbers, so that any number of agents can run at the same time.
  // Version 1.14 and later have one more port, and older versions refuse its name.
  const ports = ["grpc = -1", "dns = -1", "serf_wan = -1", ...(release < 1.14 ? [] : ["grpc_tls = -1"])];
  const settings = [
    ["bind", "127.0.0.1"],
    ["client", "127.0.0.1"],
    ["log-level", "warn"],
    ["node", `ccsp-${httpPort}`],
    ["http-port", String(httpPort)],
    ["serf-lan-port", String(await freePort())],
    ["server-port", String(await freePort())],
    ["hcl", `ports { ${ports.join("\n")} }`],
    ...(tokens ? [["config-file", await tokens.writeConfig(release)] as const] : []),
    ["hcl", "disable_update_check = true"],
    ["hcl", "disable_anonymous_signature = true"],
  ] as const;
  return ["agent", "-dev", "-disable-host-node-id", ...settings.flatMap(([name, value]) => [`-${name}`, value])];
}

/**
 * Returns the version as a number, for example 1.14. If the output has another form, it returns NaN, and the version
 * counts as new.
 */
async function version(command: string): Promise<number> {
  const { stdout } = await promisify(execFile)(command, ["version"], { env: { CHECKPOINT_DISABLE: "1" } });
  const [, major, minor] = /v(\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) + Number(minor) / 100;
}

/**
 * Waits for more than a leader: until the agent's own node is in the catalog, the agent answers registrations but does
 * not list them.
 */
async function hasItself(url: string, token = ""): Promise<void> {
  const response = await fetch(`${url}/v1/catalog/nodes`, {
    headers: { "x-consul-token": token },
    signal: AbortSignal.timeout(2_000),
  });
  if (!response.ok) throw new Error(`its catalog answers ${response.status}`);
  const nodes: unknown = await response.json();
  if (!Array.isArray(nodes) || nodes.length === 0) throw new Error("it has no leader yet");
}
