import { join } from "node:path";
import type { Clock } from "./clock.js";
import { type ConsulAgent, startConsul } from "./consul.js";
import { openConsulTokens } from "./consul-tokens.js";
import { isFree } from "./free-port.js";
import type { OnLine } from "./line-source.js";
import { type RedisServer, startRedis } from "./redis.js";
import { openRedisUsers } from "./redis-users.js";
import type { Restartable } from "./restartable.js";
import { createReviver } from "./revive.js";

export interface InfrastructureOptions {
  readonly root: string;
  readonly dataDir: string;
  readonly ports?: "default" | "free" | undefined;
  readonly restart?: boolean | undefined;
  readonly onLine?: OnLine | undefined;
  readonly say: (line: string) => void;
  readonly clock: Clock;
  /** As in `FleetOptions`. */
  readonly startLimitMs?: number | undefined;
  /** As in `FleetOptions`. */
  readonly lockFd?: number | undefined;
}

/** A server that the fleet started itself. The fleet restarts it after a crash. */
export interface Kept<S> {
  readonly server: S;
  close(): Promise<void>;
}

/**
 * Starts Redis with the settings and the users of deploy/. Its data is in dataDir/redis and stays there after the stop.
 */
export function openRedis(options: InfrastructureOptions): Promise<Kept<RedisServer>> {
  const dir = join(options.dataDir, "redis");
  return keep("redis", options, async (onCrash) =>
    startRedis({
      dir,
      users: await openRedisUsers({ root: options.root, dir }),
      configFile: join(options.root, "deploy", "redis.conf"),
      appendOnly: true,
      keepOpen: keptOpen(options),
      startLimitMs: options.startLimitMs,
      port: await usualPort(6379, options),
      onLine: (line, stream) => options.onLine?.(line, { name: "redis", stream }),
      onCrash,
    }),
  );
}

/** The file descriptors of this process that a process with data in dataDir keeps open. */
export const keptOpen = ({ lockFd }: { readonly lockFd?: number | undefined }): readonly number[] =>
  lockFd === undefined ? [] : [lockFd];

export function openConsul(options: InfrastructureOptions): Promise<Kept<ConsulAgent>> {
  return keep("consul", options, async (onCrash) =>
    startConsul({
      tokens: await openConsulTokens({ root: options.root, dir: join(options.dataDir, "consul") }),
      httpPort: await usualPort(8500, options),
      startLimitMs: options.startLimitMs,
      onLine: (line, stream) => options.onLine?.(line, { name: "consul", stream }),
      onCrash,
    }),
  );
}

async function keep<S extends Restartable>(
  name: string,
  { clock, say, restart = true }: InfrastructureOptions,
  start: (onCrash: () => void) => Promise<S>,
): Promise<Kept<S>> {
  const reviver = createReviver({
    clock,
    restart: () => server.restart(),
    onTry: (inMs, failure) =>
      say(
        failure instanceof Error
          ? `${name}: ${failure.message}; again in ${inMs} ms`
          : `${name} ended; restart in ${inMs} ms`,
      ),
  });
  const server = await start(() => {
    if (restart) reviver.crashed();
  });
  return {
    server,
    async close() {
      await reviver.stop();
      await server.stop();
    },
  };
}

/** Returns the usual port, or undefined if a server on this machine has it already. */
async function usualPort(port: number, { ports }: InfrastructureOptions): Promise<number | undefined> {
  return ports === "default" && (await isFree(port)) ? port : undefined;
}
