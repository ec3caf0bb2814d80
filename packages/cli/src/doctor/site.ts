import { lookup } from "node:dns/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type ConsulSettings,
  type Env,
  formatHostPort,
  type HostPort,
  parseHostPort,
  type RedisSettings,
} from "@ccsp/config";
import type { ServiceName } from "@ccsp/fleet";
import { type ConnectionOptions, fleetAt, namedGateway } from "../connection/connection.js";
import { consulOf, redisOf } from "../connection/named-stores.js";
import { type FleetState, findFleet, type StateDir, stateDir } from "../local-fleet/state.js";
import { messageOf } from "../process/exit.js";
import type { Io } from "../process/io.js";
import { localConsul, localRedis } from "./local-stores.js";

/** The ops port of one replica. */
export interface OpsPort extends HostPort {
  /** What people call it, such as `queue-1` or `queue:9001`. */
  readonly name: string;
}

/** What the doctor looks at. */
export interface Site {
  readonly io: Io;
  readonly options: ConnectionOptions;
  readonly state: StateDir;
  /** The environment, with the settings file of a local fleet. */
  readonly env: Env;
  /** The fleet that runs on this machine, unless the options name another installation. */
  readonly fleet: FleetState | undefined;
  /** The gateway that the options name, or that of the fleet. */
  readonly gateway: string | undefined;
  readonly redis: RedisSettings | undefined;
  readonly consul: ConsulSettings | undefined;
  readonly opsPorts: readonly OpsPort[];
  /** Why the ops ports of a named service are not known. */
  readonly unknownHosts: readonly { readonly name: string; readonly why: string }[];
  /** The services whose settings are in `env`. */
  readonly services: readonly ServiceName[];
  /** Whether `env` has the settings of a local fleet. It may not run. */
  readonly isLocal: boolean;
  /** Whether executors run on this host. */
  readonly hasExecutors: boolean;
  /** Folders and files with certificates, by the setting or the place that names them. */
  readonly certificates: readonly { readonly from: string; readonly path: string }[];
  /** Folders on whose disks CCSP writes. */
  readonly folders: readonly string[];
  readonly now: () => Date;
}

export interface DoctorOptions extends ConnectionOptions {
  readonly service?: readonly ServiceName[];
  readonly ops?: readonly HostPort[];
  /** For how long it looks again while something fails. */
  readonly wait?: number;
}

/** Finds out what there is to look at. */
export async function openSite(io: Io, options: DoctorOptions, env: Env, now: () => Date): Promise<Site> {
  const { service: services = [], ops = [] } = options;
  const state = stateDir(env);
  const named = namedGateway(io, options);
  const isElsewhere = services.length > 0 || ops.length > 0;
  const fleet = isElsewhere ? undefined : await (named === undefined ? findFleet(state) : fleetAt(io, named));
  const isLocal = !isElsewhere && (named === undefined || fleet !== undefined);
  const asked = await Promise.all(ops.map(replicasAt));
  return {
    io,
    options,
    state,
    env,
    fleet,
    gateway: named ?? fleet?.gateway,
    redis: redisOf(env) ?? (fleet && (await localRedis(state, fleet))),
    consul: consulOf(env) ?? (fleet && localConsul(state, fleet)),
    opsPorts: fleet ? opsPortsOf(fleet) : asked.flatMap(({ ports }) => ports),
    unknownHosts: asked.flatMap(({ name, why }) => (why === undefined ? [] : [{ name, why }])),
    services,
    isLocal,
    hasExecutors: isLocal || services.includes("executor"),
    certificates: certificatesOf(env, isLocal ? state : undefined),
    folders: foldersOf(env, isLocal ? state : undefined),
    now,
  };
}

/** Host and port of a gRPC target of one address. Undefined for other targets. */
export const addressOf = (target: string): HostPort | undefined =>
  parseHostPort(target.replace(/^(dns:(\/\/[^/]*\/)?|ipv4:)/, ""));

/** The file with the CA of the gateway's certificate; `system`: the CAs of this machine. */
export const gatewayCaFile = ({ options, io, fleet }: Site): string | undefined =>
  options.caFile || io.env["CCSP_CA_FILE"] || fleet?.gatewayCaFile;

const opsPortsOf = ({ services }: FleetState): readonly OpsPort[] =>
  services.map(({ name, index, ports }) => ({ name: `${name}-${index + 1}`, host: "127.0.0.1", port: ports.ops }));

/** A name of Kubernetes or Consul stands for all replicas of a service, so each of its addresses is asked. */
async function replicasAt({ host, port }: HostPort): Promise<{ name: string; ports: OpsPort[]; why?: string }> {
  const name = formatHostPort({ host, port });
  try {
    const found = await lookup(host, { all: true });
    const ports = found.map(({ address }) => ({
      name: found.length === 1 ? name : `${name} (${address})`,
      host: address,
      port,
    }));
    return { name, ports };
  } catch (error) {
    return { name, ports: [], why: messageOf(error) };
  }
}

const TLS_SETTING = /^CCSP_[A-Z]+(_PUBLIC)?_TLS_DIR$|^CCSP_(REDIS_|CONSUL_)?CA_FILE$/;

function certificatesOf(env: Env, local: StateDir | undefined): Site["certificates"] {
  const named = Object.entries(env).flatMap(([from, path]) =>
    path && path !== "system" && TLS_SETTING.test(from) ? [{ from, path }] : [],
  );
  return [...(local ? [{ from: "the local fleet", path: local.certificatesDir }] : []), ...named];
}

const foldersOf = (env: Env, local: StateDir | undefined): readonly string[] => [
  ...(local ? [local.path] : []),
  ...(env["CCSP_EXECUTOR_DIR"] ? [env["CCSP_EXECUTOR_DIR"]] : []),
  ...(env["CCSP_NOTIFICATION_FILE"] ? [join(env["CCSP_NOTIFICATION_FILE"], "..")] : []),
  tmpdir(),
];
