export const SERVICES = ["gateway", "queue", "executor", "monitor", "notification"] as const;

export type ServiceName = (typeof SERVICES)[number];

interface Ports {
  readonly grpc: number;
  readonly ops: number;
}

/** The services in the order in which they stop: first those that accept work, last the one that the others need. */
export const STOP_ORDER = ["gateway", "executor", "monitor", "notification", "queue"] as const satisfies ServiceName[];

/** The services that get the URL of Redis, which may contain a password. */
export const USE_REDIS: readonly ServiceName[] = ["queue", "monitor", "notification"];

export const ASK_THE_QUEUE: readonly ServiceName[] = ["gateway", "executor"];

export const DEFAULT_PORTS: Readonly<Record<ServiceName, Ports>> = {
  gateway: { grpc: 3000, ops: 9000 },
  queue: { grpc: 3001, ops: 9001 },
  executor: { grpc: 3002, ops: 9002 },
  monitor: { grpc: 3003, ops: 9003 },
  notification: { grpc: 3004, ops: 9004 },
};
