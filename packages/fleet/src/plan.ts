import { join } from "node:path";
import { formatHostPort, type HostPort } from "@ccsp/config";
import { serviceProgram, singleProgram } from "./service-program.js";
import { DEFAULT_PORTS, type Ports, type ServiceName, STOP_ORDER, targetsFor, USE_REDIS } from "./services.js";

const LOOPBACK = "127.0.0.1";

/** One replica of one service, and its ports. */
export interface Part {
  readonly name: ServiceName;
  /** Counts from 0 among the replicas of its service. */
  readonly index: number;
  readonly ports: Ports;
  /** The host on which it listens. */
  readonly host: string;
  /** The host on which its HTTP server listens, if it has one. */
  readonly httpHost: string;
}

export const partName = ({ name, index }: Part): string => `${name}-${index + 1}`;

/** One process to run: one replica, or all five services together. */
export interface Unit {
  readonly name: string;
  readonly parts: readonly Part[];
  /** The arguments of Node for the next start; the last one is the program. */
  readonly program: () => readonly string[];
  readonly programArgs: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface PlanOptions {
  /** The repository's root folder. */
  readonly root: string;
  readonly dataDir: string;
  /** The URL of Redis with the login of a service, or of `ccsp`, which is all services together. */
  readonly redisUrl: (user: ServiceName | "ccsp") => string;
  /** "" without Consul. Then the services that call the queue get the addresses of its replicas. */
  readonly consulUrl: string;
  /** The file with a service's token for Consul. Undefined: Consul asks for none. */
  readonly consulTokenFile?: ((service: ServiceName) => string) | undefined;
  readonly replicas?: Partial<Record<ServiceName, number>> | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly serviceEnv?: Partial<Record<ServiceName, Readonly<Record<string, string>>>> | undefined;
  readonly ports?: "default" | "free" | undefined;
  /**
   * Where gateways listen: the first one on this port, unless it is 0, and others of the same host on free ones. If
   * omitted, on 127.0.0.1.
   */
  readonly gatewayListen?: HostPort | undefined;
  /** The same for their HTTP server. */
  readonly gatewayHttpListen?: HostPort | undefined;
  /** The settings of each service that name its certificates. */
  readonly certificates?: Partial<Record<ServiceName, Readonly<Record<string, string>>>> | undefined;
  readonly single?: boolean | undefined;
  /** The part of this process's environment that every process gets. */
  readonly inherited: Readonly<Record<string, string>>;
  readonly takePort: () => Promise<number>;
}

/**
 * Returns the processes of a fleet, and how each one is started. With `ports: "default"`, the first replica of a
 * service listens on the service's own ports: ask `takenPorts` before.
 */
export async function planUnits(options: PlanOptions): Promise<readonly Unit[]> {
  const parts: Part[] = [];
  for (const name of STOP_ORDER) {
    const count = options.single ? 1 : (options.replicas?.[name] ?? 1);
    for (let index = 0; index < count; index += 1) {
      const listen = name === "gateway" ? options.gatewayListen : undefined;
      const http = name === "gateway" ? options.gatewayHttpListen : undefined;
      parts.push({
        name,
        index,
        ports: await portsFor(name, index, options),
        host: listen?.host ?? LOOPBACK,
        httpHost: http?.host ?? LOOPBACK,
      });
    }
  }
  if (options.single) return [singleUnit(parts, options)];
  const portsOf = (service: ServiceName) => parts.filter(({ name }) => name === service).map(({ ports }) => ports.grpc);
  return parts.map((part) =>
    serviceUnit(part, options.consulUrl === "" ? targetsFor(part.name, portsOf) : {}, options),
  );
}

async function portsFor(name: ServiceName, index: number, options: PlanOptions): Promise<Ports> {
  const { gatewayListen, gatewayHttpListen, takePort } = options;
  const first = index === 0;
  const own: Ports = first && options.ports === "default" ? DEFAULT_PORTS[name] : { grpc: 0, ops: 0, http: 0 };
  const told = (listen: HostPort | undefined, port: number) =>
    first && name === "gateway" && listen ? listen.port : port;
  return {
    grpc: told(gatewayListen, own.grpc) || (await takePort()),
    ops: own.ops || (await takePort()),
    ...(name === "gateway" && { http: told(gatewayHttpListen, own.http ?? 0) || (await takePort()) }),
  };
}

function serviceUnit(part: Part, targets: Readonly<Record<string, string>>, options: PlanOptions): Unit {
  const id = partName(part);
  return {
    name: id,
    parts: [part],
    program: () => serviceProgram(join(options.root, "services", part.name)),
    programArgs: [],
    env: {
      ...sharedEnv(options),
      CCSP_INSTANCE: id,
      ...partEnv(part, options),
      ...targets,
      ...options.env,
      ...options.serviceEnv?.[part.name],
    },
  };
}

function singleUnit(parts: readonly Part[], options: PlanOptions): Unit {
  const env: Record<string, string> = { ...sharedEnv(options), CCSP_INSTANCE: "single" };
  for (const part of parts) Object.assign(env, partEnv(part, options));
  Object.assign(env, options.env);
  for (const part of parts) Object.assign(env, options.serviceEnv?.[part.name]);
  return {
    name: "single",
    parts,
    program: () => singleProgram(options.root),
    programArgs: ["up", "--single", "--in-process"],
    env,
  };
}

function sharedEnv(options: PlanOptions): Record<string, string> {
  return { ...options.inherited, CCSP_CONSUL_URL: options.consulUrl };
}

/** The address by which this machine reaches a part. */
export const localAddress = ({ host, ports }: Part): string =>
  formatHostPort({ host: reachableHost(host), port: ports.grpc });

/** The same for its HTTP server. Undefined if it has none. */
export const localHttpAddress = ({ httpHost, ports }: Part): string | undefined =>
  ports.http === undefined ? undefined : formatHostPort({ host: reachableHost(httpHost), port: ports.http });

const reachableHost = (host: string): string => (["0.0.0.0", "::", "localhost"].includes(host) ? LOOPBACK : host);

function partEnv(part: Part, options: PlanOptions): Record<string, string> {
  const prefix = `CCSP_${part.name.toUpperCase()}`;
  const env: Record<string, string> = {
    [`${prefix}_LISTEN`]: formatHostPort({ host: part.host, port: part.ports.grpc }),
    [`${prefix}_OPS_LISTEN`]: formatHostPort({ host: LOOPBACK, port: part.ports.ops }),
    ...(part.ports.http !== undefined && {
      [`${prefix}_HTTP_LISTEN`]: formatHostPort({ host: part.httpHost, port: part.ports.http }),
    }),
    ...options.certificates?.[part.name],
  };
  if (USE_REDIS.includes(part.name)) env["CCSP_REDIS_URL"] = options.redisUrl(options.single ? "ccsp" : part.name);
  if (options.consulTokenFile) env["CCSP_CONSUL_TOKEN_FILE"] = options.consulTokenFile(part.name);
  if (part.name === "executor") {
    // These stay the same over restarts: the queue and the leases on disk identify a replica by them.
    env["CCSP_EXECUTOR_ID"] = `executor-${part.index + 1}`;
    env["CCSP_EXECUTOR_DIR"] = join(options.dataDir, `executor-${part.index + 1}`);
  }
  return env;
}
