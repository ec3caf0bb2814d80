import { join } from "node:path";
import { whyNoConsul } from "./binary.js";
import {
  type CertificateOptions,
  certificateSettings,
  gatewayAuthority,
  keepFleetCertificates,
  PUBLIC_SETTING,
  renewCertificates,
} from "./certificates.js";
import { systemClock } from "./clock.js";
import type { ConsulAgent } from "./consul.js";
import { freePort } from "./free-port.js";
import { type Kept, openConsul, openRedis } from "./infrastructure.js";
import type { LineSource } from "./line-source.js";
import { START_LIMIT_MS } from "./patience.js";
import { localAddress, localHttpAddress, type Part, type PlanOptions, planUnits } from "./plan.js";
import type { ManagedProcess, OutputStream, ProcessExit } from "./process.js";
import { type OnProgress, reported } from "./progress.js";
import { untilAllReady } from "./readiness.js";
import type { RedisServer } from "./redis.js";
import type { ServiceName } from "./services.js";
import { reportedStop, stopUnits } from "./stop-units.js";
import type { Supervisor } from "./supervise.js";
import { type Running, superviseUnit } from "./unit-process.js";

export interface FleetOptions
  extends Pick<
    PlanOptions,
    "root" | "dataDir" | "replicas" | "env" | "serviceEnv" | "ports" | "single" | "gatewayListen" | "gatewayHttpListen"
  > {
  /**
   * The folder of the fleet's CA, which has a folder for the certificate of each service. Both are made as needed, and
   * renewed. If omitted, it is `certificates` in dataDir. False: the ports of services are in plain text.
   */
  readonly certificatesDir?: string | false | undefined;
  /** The person for whom that folder has a certificate of an operator. */
  readonly operator?: string | undefined;
  /** The URL of an existing Redis. If omitted, the fleet starts its own, with its data in dataDir. */
  readonly redisUrl?: string | undefined;
  /**
   * The URL of an existing Consul, or "" for no Consul. If omitted, the fleet starts its own. If no Consul can be
   * started here, it runs without one and reports that to `onLine` and `onProgress`.
   */
  readonly consulUrl?: string | undefined;
  /** Why the fleet must run without Consul, although one could be started here. */
  readonly withoutConsul?: string | undefined;
  /** Called with each output line of the processes, and with each line of the supervisor itself. */
  readonly onLine?: ((line: string, source: LineSource) => void) | undefined;
  /**
   * An open file descriptor that locks dataDir. Redis and the services also keep it open. If the fleet is killed and
   * they live on, the lock lives on too.
   */
  readonly lockFd?: number | undefined;
  /** Called for each change of a part while the fleet starts and stops. */
  readonly onProgress?: OnProgress | undefined;
  /** How long a part may start while no part makes progress. If omitted, it is a minute. */
  readonly startLimitMs?: number | undefined;
  /** If false, a crashed process is not restarted. */
  readonly restart?: boolean | undefined;
}

export interface FleetProcess extends Part {
  /** The process that runs now, or the last one that ran. With `single` it is the same process for all services. */
  readonly process: ManagedProcess;
  readonly restarts: number;
}

export interface Fleet {
  /** The fleet's own Redis, with the login of its administrator. The getter throws if the fleet uses an existing one. */
  readonly redis: RedisServer;
  /** The fleet's own Consul. The getter throws if the fleet uses an existing one, or none. */
  readonly consul: ConsulAgent;
  /** The port of the fleet's own Redis. Undefined: it uses an existing one. */
  readonly redisPort: number | undefined;
  /** The URL of the fleet's own Consul. Undefined: it uses an existing one, or none. */
  readonly consulUrl: string | undefined;
  /** The gRPC target of the gateways. */
  readonly gatewayAddress: string;
  /** The URL of the first gateway's HTTP server, for example `http://127.0.0.1:8080`. */
  readonly httpAddress: string;
  /** The file with the CA that signed the gateways' certificate. Undefined: the fleet gave them none. */
  readonly gatewayCaFile: string | undefined;
  processes(): readonly FleetProcess[];
  /**
   * Resolves when every replica is ready and reaches its dependencies. Rejects with a PartFailed when no part has made
   * progress for `startLimitMs`: it names the part that is the least far, and what it waits for. Rejects immediately if
   * a process ends that was never ready (a PartFailed), or if one will not be started again: the error then has only the
   * last output of that service.
   */
  ready(): Promise<void>;
  /** Resolves when `stop` has stopped everything. */
  waitStopped(): Promise<void>;
  /**
   * Kills a replica (by default the first) with SIGKILL. Resolves when it is gone. The fleet then restarts it as after
   * any crash.
   */
  kill9(name: ServiceName, index?: number): Promise<void>;
  /**
   * Sends SIGTERM to a replica (by default the first). Resolves to its exit. The fleet then restarts it as after a
   * crash.
   */
  terminate(name: ServiceName, index?: number): Promise<ProcessExit>;
  /**
   * Restarts a replica (by default the first): sends SIGTERM and waits for its end. Also starts a replica again that
   * stays down because it refused its settings.
   */
  restart(name: ServiceName, index?: number): Promise<void>;
  /**
   * Stops everything in this order: gateway, executor, monitor, notification, queue, then Consul and Redis. With
   * `quickly`, the services before the queue stop together, for a fleet that nobody uses yet. Idempotent.
   */
  stop(options?: { readonly quickly?: boolean }): Promise<void>;
}

// Variables with which a program finds other programs and uses the user's language and time zone, and with which Node
// starts faster. None of them may contain a secret.
export const INHERITED: readonly string[] = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "NODE_COMPILE_CACHE"];

/**
 * Starts Redis, Consul (if possible) and the services of a built repository on 127.0.0.1, and keeps them running.
 * Resolves when all processes run (see `ready`). If one cannot be started, it stops the started ones and rejects.
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const say = (line: string, stream: OutputStream = "stderr") => options.onLine?.(line, { name: "fleet", stream });
  const onProgress = options.onProgress ?? (() => {});
  const certificates = certificateOptions(options);
  const infrastructure = { ...options, clock: systemClock, say };
  const opened: Resource[] = [];
  const running: Running[] = [];
  const stopping = new AbortController();
  let renewal: Pick<Resource, "close"> | undefined;
  const stopAll = async (quickly: boolean) => {
    stopping.abort();
    await renewal?.close();
    await stopUnits(running, { quickly, onProgress });
    for (const { name, close } of opened.toReversed()) await reportedStop(name, close, onProgress);
  };
  const open = async <S extends Kept<unknown>>(name: string, start: () => Promise<S>): Promise<S> => {
    const resource = await reported(name, start, onProgress);
    opened.push({ name, close: () => resource.close() });
    return resource;
  };

  try {
    if (certificates) {
      const keep = () => keepFleetCertificates(certificates);
      await keep();
      renewal = renewCertificates(keep, { clock: systemClock, say });
    }
    const redis =
      options.redisUrl === undefined ? (await open("redis", () => openRedis(infrastructure))).server : undefined;
    const without = options.consulUrl === undefined ? (options.withoutConsul ?? whyNoConsul()) : undefined;
    if (without !== undefined) {
      say(`without Consul (${without}): services find each other by fixed addresses`, "stdout");
      onProgress({ part: "consul", state: "absent", seconds: 0, why: without });
    }
    const wanted = options.consulUrl === undefined && without === undefined;
    const consul = wanted ? (await open("consul", () => openConsul(infrastructure))).server : undefined;
    const units = await planUnits({
      ...options,
      redisUrl: (user) => redis?.urlFor(user) ?? options.redisUrl ?? "",
      consulUrl: consul?.url ?? options.consulUrl ?? "",
      consulTokenFile: consul?.tokens?.fileOf,
      certificates: certificates && certificateSettings(certificates),
      inherited: inheritedEnv(),
      takePort: freePort,
    });
    for (const unit of units) running.push(await superviseUnit(unit, { ...options, say, onProgress }));
    const gatewayCaFile = certificates && gatewayAuthority(certificates);
    const { startLimitMs: limitMs = START_LIMIT_MS } = options;
    return createFleet({ running, redis, consul, gatewayCaFile, limitMs, stopAll, stopping: stopping.signal });
  } catch (error) {
    await stopAll(true);
    throw error;
  }
}

/** Redis or Consul of the fleet. */
interface Resource {
  readonly name: string;
  readonly close: () => Promise<void>;
}

interface FleetParts {
  readonly running: readonly Running[];
  readonly redis: RedisServer | undefined;
  readonly consul: ConsulAgent | undefined;
  readonly gatewayCaFile: string | undefined;
  readonly limitMs: number;
  readonly stopAll: (quickly: boolean) => Promise<void>;
  readonly stopping: AbortSignal;
}

function createFleet({ running, redis, consul, gatewayCaFile, limitMs, stopAll, stopping }: FleetParts): Fleet {
  let tellStopped = () => {};
  const stopped = new Promise<void>((resolve) => {
    tellStopped = resolve;
  });
  let ending: Promise<void> | undefined;

  const supervisorOf = (name: ServiceName, index: number): Supervisor<ManagedProcess> => {
    const found = running.find(({ unit }) => unit.parts.some((part) => part.name === name && part.index === index));
    if (found === undefined) throw new Error(`the fleet has no ${name} with index ${index}`);
    return found.supervisor;
  };
  const signal = (name: ServiceName, index: number, which: NodeJS.Signals): Promise<ProcessExit> => {
    const target = supervisorOf(name, index).process;
    target.kill(which);
    return target.exited;
  };
  return {
    get redis() {
      return ownOrThrow(redis, "Redis");
    },
    get consul() {
      return ownOrThrow(consul, "Consul");
    },
    redisPort: redis?.port,
    consulUrl: consul?.url,
    gatewayAddress: gatewayAddress(running),
    httpAddress: httpAddress(running),
    gatewayCaFile,
    processes: () =>
      running.flatMap(({ unit, supervisor }) =>
        unit.parts.map((part) => ({ ...part, process: supervisor.process, restarts: supervisor.restarts })),
      ),
    ready: () => untilAllReady(running, { limitMs, signal: stopping }),
    waitStopped: () => stopped,
    async kill9(name, index = 0) {
      await signal(name, index, "SIGKILL");
    },
    terminate: (name, index = 0) => signal(name, index, "SIGTERM"),
    async restart(name, index = 0) {
      await signal(name, index, "SIGTERM");
      await supervisorOf(name, index).revive();
    },
    stop({ quickly = false } = {}) {
      ending ??= stopAll(quickly).then(tellStopped);
      return ending;
    },
  };
}

function ownOrThrow<S>(server: S | undefined, name: string): S {
  if (server === undefined) throw new Error(`this fleet has no ${name} of its own`);
  return server;
}

/** gRPC's own `ipv4:` scheme for a list of addresses works without discovery. */
function gatewayAddress(running: readonly Running[]): string {
  const gateways = running.flatMap(({ unit }) => unit.parts).filter(({ name }) => name === "gateway");
  const addresses = gateways.map(localAddress);
  return addresses.length === 1 ? addresses.join() : `ipv4:${addresses.join(",")}`;
}

function httpAddress(running: readonly Running[]): string {
  const [first = ""] = running.flatMap(({ unit }) =>
    unit.parts.flatMap((part) => {
      const address = localHttpAddress(part);
      const scheme = (unit.env[PUBLIC_SETTING]?.trim() ?? "") === "" ? "http" : "https";
      return address === undefined ? [] : [`${scheme}://${address}`];
    }),
  );
  return first;
}

function certificateOptions(options: FleetOptions): CertificateOptions | undefined {
  const {
    certificatesDir = join(options.dataDir, "certificates"),
    gatewayListen,
    gatewayHttpListen,
    operator,
  } = options;
  if (certificatesDir === false) return undefined;
  const gatewayHosts = [gatewayListen?.host, gatewayHttpListen?.host].filter((host) => host !== undefined);
  const given = Object.assign({}, options.env, ...Object.values(options.serviceEnv ?? {}));
  return { folder: certificatesDir, gatewayHosts, operator, given };
}

function inheritedEnv(): Record<string, string> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
