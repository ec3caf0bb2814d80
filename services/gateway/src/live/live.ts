import { limited } from "@ccsp/errors";
import type { CallerBounds } from "@ccsp/grpc-kit";
import type { RedisConnection } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { Registry } from "prom-client";
import type { Guard } from "../application/guard.js";
import type { HttpDeps } from "../http/deps.js";
import type { OpenStreams } from "../keys/open-streams.js";
import { CLOSE, LiveConnection, type Opened } from "./connection.js";
import { EventHub } from "./event-hub.js";
import { createLiveMetrics } from "./metrics.js";
import { type SnapshotServices, snapshotSources } from "./snapshot-sources.js";
import { Snapshots } from "./snapshots.js";
import { taskStreams } from "./task-streams.js";

export interface LiveOptions extends SnapshotServices, Pick<HttpDeps, "agents" | "operators"> {
  readonly redis: RedisConnection;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  readonly guard: Guard;
  readonly streams: OpenStreams;
  /** Shared with the other transports, so that a caller who uses several has each bound once. */
  readonly callers: CallerBounds;
  /** The most connections of one caller to this process. */
  readonly connectionsPerCaller: number;
  readonly registry?: Registry | undefined;
  readonly log: Logger;
}

/** What happens now, for everyone who follows it from this process. */
export interface Live {
  readonly openConnections: number;
  /** Takes a WebSocket that has been opened. */
  connect(opened: Opened): void;
  /** Closes all connections, and says that the clients can resume elsewhere. Never rejects. */
  close(): Promise<void>;
}

/** Time for a client to answer the close. */
const CLOSE_MS = 1_000;
const RETRY_MS = 5_000;

export function createLive(options: LiveOptions): Live {
  const { redis, partitions, guard, streams, callers, connectionsPerCaller, registry, log } = options;
  const sources = snapshotSources(options);
  const hub = new EventHub({ redis, partitions, log });
  const counts = new Map<string, number>();
  const open = new Map<LiveConnection, Promise<void>>();
  const enter = (caller: string): (() => void) => {
    const count = counts.get(caller) ?? 0;
    if (count >= connectionsPerCaller)
      throw limited("calls", `has ${count} WebSockets open, which is the maximum`, RETRY_MS);
    counts.set(caller, count + 1);
    return () => {
      const left = (counts.get(caller) ?? 0) - 1;
      if (left > 0) counts.set(caller, left);
      else counts.delete(caller);
    };
  };
  const deps = {
    guard,
    streams,
    callers,
    taskStreams: taskStreams(options),
    hub,
    snapshots: {
      queue: new Snapshots("queue", sources.queue),
      executors: new Snapshots("executors", sources.executors),
      usage: new Snapshots("usage", sources.usage),
      alerts: new Snapshots("alerts", sources.alerts),
      health: new Snapshots("health", sources.health),
    },
    enter,
    metrics: createLiveMetrics(registry),
    log,
  };
  let stopping = false;
  return {
    get openConnections() {
      return open.size;
    },
    connect(opened) {
      const { socket } = opened;
      if (stopping) return socket.close(CLOSE.goingAway, GOING_AWAY);
      const connection = new LiveConnection(opened, deps);
      const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      open.set(connection, closed);
      void closed.then(() => open.delete(connection));
    },
    async close() {
      stopping = true;
      const closing = [...open.values()];
      for (const connection of open.keys()) connection.close(CLOSE.goingAway, GOING_AWAY);
      const late = setTimeout(() => {
        for (const connection of open.keys()) connection.terminate();
      }, CLOSE_MS);
      await Promise.all(closing);
      clearTimeout(late);
      hub.close();
    },
  };
}

const GOING_AWAY = "the gateway stops; connect again and resume";
