import type { Redis } from "ioredis";
import type { RedisClient } from "./redis-client.js";

/** The commands that are not answered yet, with the time when each was given, oldest first. */
const unanswered = new WeakMap<RedisClient, Set<{ readonly sinceMs: number }>>();

/**
 * Records the open commands of this client from now on. It includes commands that wait for a connection, or that follow
 * a key through a Cluster.
 */
export function watchAnswers(client: RedisClient): void {
  const commands = new Set<{ readonly sinceMs: number }>();
  unanswered.set(client, commands);
  const target: Pick<Redis, "sendCommand"> = client;
  const send = target.sendCommand.bind(client);
  target.sendCommand = (command, ...rest) => {
    const entry = { sinceMs: performance.now() };
    const answered = (): void => void commands.delete(entry);
    commands.add(entry);
    command.promise.then(answered, answered);
    return send(command, ...rest);
  };
}

/** How long the oldest open command has waited, in ms. 0 if there is none. */
export function longestWaitMs(client: RedisClient): number {
  const [oldest] = unanswered.get(client) ?? [];
  return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
}
