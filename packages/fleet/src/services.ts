export const SERVICES = ["gateway", "queue", "executor", "monitor", "notification"] as const;

export type ServiceName = (typeof SERVICES)[number];

interface Ports {
  readonly grpc: number;
  readonly ops: number;
}

/** In the order in which they stop: those that take work first, what the others need last. */
export const STOP_ORDER = ["gateway", "executor", "monitor", "notification", "queue"] as const satisfies ServiceName[];

/** Who is told where Redis is, which may have a password in its address. */
export const USE_REDIS: readonly ServiceName[] = ["queue", "monitor", "notification"];

export const ASK_THE_QUEUE: readonly ServiceName[] = ["gateway", "executor"];

export const DEFAULT_PORTS: Readonly<Record<ServiceName, Ports>> = {
  gateway: { grpc: 3000, ops: 9000 },
  queue: { grpc: 3001, ops: 9001 },
  executor: { grpc: 3002, ops: 9002 },
  monitor: { grpc: 3003, ops: 9003 },
  notification: { grpc: 3004, ops: 9004 },
};
