import { whyNoConsul } from "./binary.js";
import { systemClock } from "./clock.js";
import type { ConsulAgent } from "./consul.js";
import { freePort, isFree } from "./free-port.js";
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
  /** Another's Redis; one of the fleet's own, with its data in dataDir, when absent. */
  readonly redisUrl?: string | undefined;
  /** Another's Consul, or "" for none; one of the fleet's own when absent, or none where none can be had, which `onLine` is told. */
  readonly consulUrl?: string | undefined;
  /** Each line of output, and each of the supervisor's own. */
  readonly onLine?: ((line: string, source: LineSource) => void) | undefined;
  /** An open file descriptor that locks dataDir. Redis and services keep it open too, so that the lock outlives a fleet that was killed as they do. */
  readonly lockFd?: number | undefined;
  /** False: what crashed stays down. */
  readonly restart?: boolean | undefined;
}

export interface FleetProcess extends Part {
  /** What runs now, or ran last. With `single` the same for all. */
  readonly process: ManagedProcess;
  readonly restarts: number;
}

export interface Fleet {
  /** Reading it throws when the fleet uses another's. */
  readonly redis: RedisServer;
  /** Reading it throws when the fleet uses another's, or none. */
  readonly consul: ConsulAgent;
  /** Of the gateways, as a gRPC target. */
  readonly gatewayAddress: string;
  processes(): readonly FleetProcess[];
  /** Resolves when every replica is ready and reaches what it depends on. Rejects with what is missing after `timeoutMs` (60 s), and at once, with its words alone, when a service will not be started again. */
  ready(timeoutMs?: number): Promise<void>;
  /** Resolves once `stop` has stopped everything. */
  waitStopped(): Promise<void>;
  /** Ends a replica (the first) without warning; resolves when it is gone. It is then restarted as after any crash. */
  kill9(name: ServiceName, index?: number): Promise<void>;
  /** SIGTERM to a replica (the first); resolves to how it ended. It is then restarted as after a crash. */
  terminate(name: ServiceName, index?: number): Promise<ProcessExit>;
  /** Stops everything in order: gateway, executor, monitor, notification, queue, then Consul and Redis. Idempotent. */
  stop(): Promise<void>;
}

// What programs need to find others and to speak in the user's language and time; nothing that could hold a secret.
const INHERITED = ["PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/**
 * Starts Redis, Consul (where it can be had) and the services of a built repository on 127.0.0.1, and keeps them running. Resolves when all processes run (see
 * `ready`); when one cannot be started, those that were are stopped again.
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
      isFree,
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

/** grpc's own scheme for a list of addresses needs no discovery. */
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
