import { whyNoConsul } from "./binary.js";
import { systemClock } from "./clock.js";
import type { ConsulAgent } from "./consul.js";
import { freePort } from "./free-port.js";
import { openConsul, openRedis } from "./infrastructure.js";
import type { LineSource } from "./line-source.js";
import { type Part, type PlanOptions, planUnits } from "./plan.js";
import type { ManagedProcess, ProcessExit } from "./process.js";
import { untilAllReady } from "./readiness.js";
import type { RedisServer } from "./redis.js";
import { type ServiceName, STOP_ORDER } from "./services.js";
import { type Running, superviseUnit } from "./unit-process.js";

export interface FleetOptions
  extends Pick<PlanOptions, "root" | "dataDir" | "replicas" | "env" | "serviceEnv" | "ports" | "single"> {
  /** The URL of an existing Redis. If omitted, the fleet starts its own, with its data in dataDir. */
  readonly redisUrl?: string | undefined;
  /**
   * The URL of an existing Consul, or "" for no Consul. If omitted, the fleet starts its own. If no Consul can be
   * started here, it runs without one and reports that to `onLine`.
   */
  readonly consulUrl?: string | undefined;
  /** Called with each output line of the processes, and with each line of the supervisor itself. */
  readonly onLine?: ((line: string, source: LineSource) => void) | undefined;
  /**
   * An open file descriptor that locks dataDir. Redis and the services also keep it open. If the fleet is killed and
   * they live on, the lock lives on too.
   */
  readonly lockFd?: number | undefined;
  /** If false, a crashed process is not restarted. */
  readonly restart?: boolean | undefined;
}

export interface FleetProcess extends Part {
  /** The process that runs now, or the last one that ran. With `single` it is the same process for all services. */
  readonly process: ManagedProcess;
  readonly restarts: number;
}

export interface Fleet {
  /** The fleet's own Redis. The getter throws if the fleet uses an existing one. */
  readonly redis: RedisServer;
  /** The fleet's own Consul. The getter throws if the fleet uses an existing one, or none. */
  readonly consul: ConsulAgent;
  /** The gRPC target of the gateways. */
  readonly gatewayAddress: string;
  processes(): readonly FleetProcess[];
  /**
   * Resolves when every replica is ready and reaches its dependencies. Rejects after `timeoutMs` (60 s) with what is
   * missing. Rejects immediately if a service will not be started again: the error then has only the last output of
   * that service.
   */
  ready(timeoutMs?: number): Promise<void>;
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
   * Stops everything in this order: gateway, executor, monitor, notification, queue, then Consul and Redis. Idempotent.
   */
  stop(): Promise<void>;
}

// Variables with which a program finds other programs and uses the user's language and time zone. None of them may
// contain a secret.
const INHERITED = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/**
 * Starts Redis, Consul (if possible) and the services of a built repository on 127.0.0.1, and keeps them running.
 * Resolves when all processes run (see `ready`). If one cannot be started, it stops the started ones and rejects.
 */
export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const say = (line: string) => options.onLine?.(line, { name: "fleet", stream: "stderr" });
  const infrastructure = { ...options, clock: systemClock, say };
  const opened: { close(): Promise<void> }[] = [];
  const running: Running[] = [];
  const stopAll = async () => {
    for (const name of STOP_ORDER) {
      const named = running.filter(({ unit }) => unit.parts[0]?.name === name);
      await Promise.all(named.map(({ supervisor }) => supervisor.stop()));
    }
    for (const resource of opened.toReversed()) await resource.close();
  };
  const open = async <S extends { close(): Promise<void> }>(starting: Promise<S>): Promise<S> => {
    const resource = await starting;
    opened.push(resource);
    return resource;
  };

  try {
    const redis = options.redisUrl === undefined ? (await open(openRedis(infrastructure))).server : undefined;
    const without = options.consulUrl === undefined ? whyNoConsul() : undefined;
    if (without !== undefined) say(`without Consul (${without}): services find each other by fixed addresses`);
    const wanted = options.consulUrl === undefined && without === undefined;
    const consul = wanted ? (await open(openConsul(infrastructure))).server : undefined;
    const units = await planUnits({
      ...options,
      redisUrl: redis?.url ?? options.redisUrl ?? "",
      consulUrl: consul?.url ?? options.consulUrl ?? "",
      inherited: inheritedEnv(),
      takePort: freePort,
    });
    for (const unit of units) running.push(await superviseUnit(unit, { ...options, say }));
    return createFleet({ running, redis, consul, stopAll });
  } catch (error) {
    await stopAll();
    throw error;
  }
}

interface FleetParts {
  readonly running: readonly Running[];
  readonly redis: RedisServer | undefined;
  readonly consul: ConsulAgent | undefined;
  readonly stopAll: () => Promise<void>;
}

function createFleet({ running, redis, consul, stopAll }: FleetParts): Fleet {
  let tellStopped = () => {};
  const stopped = new Promise<void>((resolve) => {
    tellStopped = resolve;
  });
  let stopping: Promise<void> | undefined;

  const processOf = (name: ServiceName, index: number): ManagedProcess => {
    const found = running.find(({ unit }) => unit.parts.some((part) => part.name === name && part.index === index));
    if (found === undefined) throw new Error(`the fleet has no ${name} with index ${index}`);
    return found.supervisor.process;
  };
  const signal = (name: ServiceName, index: number, which: NodeJS.Signals): Promise<ProcessExit> => {
    const target = processOf(name, index);
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
    gatewayAddress: gatewayAddress(running),
    processes: () =>
      running.flatMap(({ unit, supervisor }) =>
        unit.parts.map((part) => ({ ...part, process: supervisor.process, restarts: supervisor.restarts })),
      ),
    ready: (timeoutMs = 60_000) => untilAllReady(running, timeoutMs),
    waitStopped: () => stopped,
    async kill9(name, index = 0) {
      await signal(name, index, "SIGKILL");
    },
    terminate: (name, index = 0) => signal(name, index, "SIGTERM"),
    stop() {
      stopping ??= stopAll().then(tellStopped);
      return stopping;
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
  const addresses = gateways.map(({ ports }) => `127.0.0.1:${ports.grpc}`);
  return addresses.length === 1 ? addresses.join() : `ipv4:${addresses.join(",")}`;
}

function inheritedEnv(): Record<string, string> {
  return Object.fromEntries(
    INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
