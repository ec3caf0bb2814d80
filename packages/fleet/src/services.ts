export const SERVICES = ["gateway", "queue", "executor", "monitor", "notification"] as const;

export type ServiceName = (typeof SERVICES)[number];

/** The ports of one replica of a service. */
export interface Ports {
  readonly grpc: number;
  readonly ops: number;
  /** REST, WebSocket and dashboard. Only the gateway has them. */
  readonly http?: number | undefined;
}

/** The services in the order in which they stop: first those that accept work, last the one that the others need. */
export const STOP_ORDER = ["gateway", "executor", "monitor", "notification", "queue"] as const satisfies ServiceName[];

/** The services that get the URL of Redis, which may contain a password. */
export const USE_REDIS: readonly ServiceName[] = ["gateway", "queue", "monitor", "notification"];

/** The services that each service calls: every one reports to the monitor. For each of them it has a setting, which `targetsFor` names. */
export const CALLS: Readonly<Record<ServiceName, readonly ServiceName[]>> = {
  gateway: ["monitor", "queue", "notification"],
  queue: ["monitor"],
  executor: ["monitor", "queue"],
  monitor: ["queue", "notification"],
  notification: ["monitor"],
};

/** The settings with which a service finds the services that it calls, without Consul. */
export const targetsFor = (
  caller: ServiceName,
  portsOf: (called: ServiceName) => readonly number[],
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    CALLS[caller].map((called) => {
      const addresses = portsOf(called).map((port) => `127.0.0.1:${port}`);
      return [`CCSP_${called.toUpperCase()}_TARGET`, `static:///${addresses.join(",")}`];
    }),
  );

export const DEFAULT_PORTS: Readonly<Record<ServiceName, Ports>> = {
  gateway: { grpc: 3000, ops: 9000, http: 8080 },
  queue: { grpc: 3001, ops: 9001 },
  executor: { grpc: 3002, ops: 9002 },
  monitor: { grpc: 3003, ops: 9003 },
  notification: { grpc: 3004, ops: 9004 },
};
