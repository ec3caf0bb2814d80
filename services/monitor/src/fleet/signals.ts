import type { RedisConnection } from "@ccsp/redis-kit";
import { exportedSignal, type Signal, type SignalSource } from "../signals/signal.js";
import { type Fleet, hasStopped, type Known } from "./fleet.js";

const BY_INSTANCE = { service: "services", instance: "instances of the fleet" } as const;

const METRICS = [
  exportedSignal({
    name: "instance_late",
    help: "1 if an instance has sent no heartbeat for 45 s, else 0. For executors, see executor_lost",
    labels: BY_INSTANCE,
  }),
  exportedSignal({
    name: "instance_crashes",
    help: "Times in the last 15 minutes that an instance was replaced by a new process without having said that it stops",
    labels: BY_INSTANCE,
  }),
  exportedSignal({
    name: "executor_lost",
    help: "1 if an executor has fallen silent without a stop, and no other process has its id, else 0",
    labels: { executor: "executors of the fleet" },
  }),
  exportedSignal({
    name: "certificate_expires_seconds",
    help: "Time until the first certificate of an instance, or of a server of Redis, expires; negative: since then",
    labels: { service: "services, and redis", instance: "instances of the fleet, and servers of Redis" },
  }),
  exportedSignal({
    name: "disk_free_share",
    help: "Share of the disk that is free where an instance stores its files; of those that share a disk, one says it",
    labels: BY_INSTANCE,
  }),
  exportedSignal({
    name: "memory_share",
    help: "Share of the memory of the instance's host that is in use",
    labels: BY_INSTANCE,
  }),
  exportedSignal({
    name: "cpu_share",
    help: "Share of the CPUs of the instance's host that was busy",
    labels: BY_INSTANCE,
  }),
];

const CRASHES_MS = 15 * 60_000;

/** Says when the certificate of each server of Redis expires. */
export type RedisCertificates = RedisConnection["certificates"];

/** A renewed certificate is loaded within minutes, and each look is a handshake with every server. */
const LOOK_EVERY_MS = 60_000;

/**
 * The signals of the fleet. What a silent instance last said of its host is left out. Redis sends no heartbeats, so
 * `redisCertificates` is asked for its certificates, once a minute.
 */
export function fleetSignals(fleet: Pick<Fleet, "list">, redisCertificates: RedisCertificates): SignalSource {
  let looked: { readonly atMs: number; readonly found: ReturnType<RedisCertificates> } | undefined;
  const certificates = (now: Date): ReturnType<RedisCertificates> => {
    if (looked === undefined || Math.abs(now.getTime() - looked.atMs) >= LOOK_EVERY_MS)
      looked = { atMs: now.getTime(), found: redisCertificates().catch(() => []) };
    return looked.found;
  };
  return {
    metrics: METRICS,
    read: async (now) => {
      const [known, ofRedis] = await Promise.all([fleet.list(now), certificates(now)]);
      return [
        ...known.flatMap((each) => ofInstance(each, known, now)),
        ...ofDisks(known.filter((each) => !silent(each))),
        ...ofExecutors(known),
        ...ofRedis.map(({ server, expires }) => ({
          metric: "certificate_expires_seconds",
          labels: { service: "redis", instance: server },
          value: (expires.getTime() - now.getTime()) / 1_000,
        })),
      ];
    },
  };
}

const silent = ({ health }: Known): boolean => health === "late" || health === "gone";

/**
 * When executors with the id of this one fell silent without a stop, under other names. An instance without a name of
 * its own has its process id in it, so a restart gives another one. Empty while none of this name reports.
 */
function replacedBy({ report, health, receivedMs }: Known, all: readonly Known[]): readonly number[] {
  const id = report.executor?.executorId;
  if (id === undefined || health === "late") return [];
  const sameId = all.filter((each) => each.report.executor?.executorId === id);
  // Only one of those that report has the signal.
  if (sameId.some((each) => !silent(each) && each.receivedMs > receivedMs)) return [];
  return sameId.filter((each) => silent(each) && !hasStopped(each.report)).map((each) => each.receivedMs);
}

function ofInstance(known: Known, all: readonly Known[], now: Date): Signal[] {
  const { report, health } = known;
  if (health === "gone") return [];
  const labels = { service: report.service, instance: report.instance };
  const signals: Signal[] = [{ metric: "instance_late", labels, value: health === "late" ? 1 : 0 }];
  const add = (metric: string, value: number | undefined): void => {
    if (value !== undefined) signals.push({ metric, labels, value });
  };
  const crashesMs = [...(known.crashesMs ?? []), ...replacedBy(known, all)];
  const crashes = crashesMs.filter((ms) => ms > now.getTime() - CRASHES_MS).length;
  add("instance_crashes", crashes === 0 ? undefined : crashes);
  const expires = report.certificateExpireTime;
  add("certificate_expires_seconds", expires && (expires.getTime() - now.getTime()) / 1_000);
  if (silent(known)) return signals;
  add("memory_share", report.resources?.memoryShare);
  add("cpu_share", report.resources?.hostCpuShare);
  return signals;
}

/** One disk is one signal, so that it is one alert: of the instance that sees the least of it, the first one by name. */
function ofDisks(known: readonly Known[]): Signal[] {
  const byDisk = new Map<string, Signal>();
  for (const { report } of known) {
    const { service, instance, resources } = report;
    const value = resources?.diskFreeShare;
    if (value === undefined) continue;
    // Instances of 0.3.0 do not name their disk.
    const key = resources?.disk || `${service} ${instance}`;
    const least = byDisk.get(key);
    if (least === undefined || value < least.value)
      byDisk.set(key, { metric: "disk_free_share", labels: { service, instance }, value });
  }
  return [...byDisk.values()];
}

function ofExecutors(known: readonly Known[]): Signal[] {
  const executors = known.filter(({ report }) => report.executor !== undefined && !hasStopped(report));
  const idOf = ({ report }: Known): string => report.executor?.executorId ?? "";
  return [...new Set(executors.map(idOf))].map((executor) => ({
    metric: "executor_lost",
    labels: { executor },
    value: executors.every((process) => idOf(process) !== executor || silent(process)) ? 1 : 0,
  }));
}
