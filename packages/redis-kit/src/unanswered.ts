import type { Redis } from "ioredis";
import type { RedisClient } from "./redis-client.js";

/** When each command was given that is not answered yet, oldest first. */
const unanswered = new WeakMap<RedisClient, Set<{ readonly sinceMs: number }>>();

/** Notes from now on what this client waits for, also while it is not connected or follows a key through a Cluster. */
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

/** For how long the oldest of its commands has been waiting; 0 when there is none. */
export function longestWaitMs(client: RedisClient): number {
  const [oldest] = unanswered.get(client) ?? [];
  return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
}
