import type { Redis } from "ioredis";
import type { RedisClient } from "./redis-client.js";

type Command = Parameters<Redis["sendCommand"]>[0];

/** The commands that are not answered yet, with the time when each was given, oldest first. */
const unanswered = new WeakMap<RedisClient, Map<Command, { readonly sinceMs: number }>>();

/**
 * Records the open commands of this client from now on. It includes commands that wait for a connection, or that follow
 * a key through a Cluster.
 */
export function watchAnswers(client: RedisClient): void {
  const commands = new Map<Command, { readonly sinceMs: number }>();
  unanswered.set(client, commands);
  beforeEachCommand(client, (command) => {
    // ioredis sends a command again after a lost connection.
    if (commands.has(command)) return;
    const answered = (): void => void commands.delete(command);
    commands.set(command, { sinceMs: performance.now() });
    command.promise.then(answered, answered);
  });
}

/** How long the oldest open command has waited, in ms. 0 if there is none. */
export function longestWaitMs(client: RedisClient): number {
  const [oldest] = unanswered.get(client)?.values() ?? [];
  return oldest === undefined ? 0 : performance.now() - oldest.sinceMs;
}

/**
 * Rejects the open commands of a client that was closed. ioredis 6.0.0 does not settle a command of a client that is
 * closed while it reconnects.
 */
export function rejectOpen(client: RedisClient): void {
  for (const command of unanswered.get(client)?.keys() ?? []) command.reject(new Error("Connection is closed."));
}

/** How long a process that stops waits for Redis. */
const LAST_WAIT_MS = 2_000;

/**
 * Limits the wait of each further command to 2 s. While the client is not connected, these are the 2 s from the loss of
 * the connection, or from this call if that was later, for all commands together.
 *
 * A process that stops closes one thing after the other. If each waited as long as usual for a Redis that is away, the
 * stop would take a minute.
 */
export function waitBriefly(client: RedisClient): void {
  let lostMs = client.status === "ready" ? undefined : performance.now();
  client.on("ready", () => (lostMs = undefined));
  // ioredis emits it again for each attempt to connect.
  client.on("close", () => (lostMs ??= performance.now()));
  beforeEachCommand(client, (command) => {
    // The first time limit of a command counts. So it replaces the one that the connection gives. With the status
    // `connect`, it may be a command of the connection itself, such as AUTH.
    const isAway = lostMs !== undefined && client.status !== "connect";
    command.setTimeout(isAway ? Math.max(0, (lostMs ?? 0) + LAST_WAIT_MS - performance.now()) : LAST_WAIT_MS);
  });
}

function beforeEachCommand(client: RedisClient, act: (command: Command) => void): void {
  const target: Pick<Redis, "sendCommand"> = client;
  const send = target.sendCommand.bind(client);
  target.sendCommand = (command, ...rest) => {
    act(command);
    return send(command, ...rest);
  };
}
