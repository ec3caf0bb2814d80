import type { GetGlobalMetricsResponse, QueueSizes, ServiceMetrics } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import type { GetStatusResponse } from "@ccsp/protos/ccsp/queue/v1/status.js";
import type { Known } from "./fleet.js";

/** Sums the fleet up. Instances that are gone are left out. Late ones count with what they last said. */
export function globalMetrics(known: readonly Known[], queue: GetStatusResponse | undefined, now: Date) {
  const present = known.filter(({ health }) => health !== "gone");
  const services = [...new Set(present.map(({ report }) => report.service))].map((service) =>
    serviceMetrics(
      service,
      present.filter(({ report }) => report.service === service),
    ),
  );
  // What a late executor holds is not known: its leases end, and others run its tasks.
  const engines = present.flatMap(({ health, report }) => (health === "late" ? [] : (report.executor?.engines ?? [])));
  return {
    time: now,
    instances: present.map(({ report, receivedMs, health, sinceMs, why }) => ({
      report,
      reportTime: new Date(receivedMs),
      health,
      healthTime: new Date(sinceMs),
      why,
    })),
    services,
    activeRuns: sum(engines, ({ running }) => running),
    slots: sum(engines, ({ slots }) => slots),
    queue: queue && queueSizes(queue),
  } satisfies GetGlobalMetricsResponse;
}

const serviceMetrics = (service: string, members: readonly Known[]): ServiceMetrics => ({
  service,
  instances: members.length,
  notOk: members.filter(({ health }) => health !== "ok").length,
  versions: [...new Set(members.map(({ report }) => report.version))].sort(),
  processCpus: sum(members, ({ report }) => report.resources?.processCpus ?? 0),
  memoryBytes: members.reduce((bytes, { report }) => bytes + (report.resources?.memoryBytes ?? 0n), 0n),
});

const queueSizes = ({ depths, leased, parked, scheduled }: GetStatusResponse): QueueSizes => ({
  depths,
  waiting: depths.reduce((waiting, depth) => waiting + depth.waiting, 0n),
  leased,
  parked,
  scheduled,
});

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);
