import { type FieldViolation, invalidFields } from "@ccsp/errors";
import type { HeartbeatRequest, InstanceReport, Resources } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { durationMs } from "@ccsp/protos/duration.js";

const SERVICES = ["gateway", "queue", "executor", "monitor", "notification"];
const MOST_METHODS = 500;
const MOST_BOUNDS = 50;
const MOST_CLASSES = 20;
const MOST_ENGINES = 100;
const MOST_FAILING = 50;
const LONGEST = 256;
const MOST_UPTIME_MS = 100 * 366 * 86_400_000;
const MOST_CPUS = 100_000;
const MOST_SLOTS = 1_000_000;
const MOST_SHARE = 1.5;

/**
 * Checks a heartbeat at the edge. Of a list that is too long, only as many entries as allowed are checked.
 *
 * @param caller is the service that the caller's certificate names. Undefined without TLS.
 * @returns the report. Throws INVALID_FIELD for each field that is wrong.
 */
export function checkHeartbeat(
  { report, callBounds, calls, starts }: HeartbeatRequest,
  caller: string | undefined,
): InstanceReport {
  const wrong: FieldViolation[] = [];
  const need = (fine: boolean, field: string, description: string): void => {
    if (!fine) wrong.push({ field, description });
  };
  const name = (text: string, field: string): void =>
    need(/^[\w.:@/-]{1,256}$/.test(text), field, `must be 1 to ${LONGEST} letters, digits and _.:@/-`);
  if (!report) throw invalidFields([{ field: "report", description: "is missing" }]);
  const { service, instance, bootId, version, failing, executor } = report;
  need(SERVICES.includes(service), "report.service", "is not a service of CCSP");
  need(caller === undefined || caller === service, "report.service", "is not the service of the caller's certificate");
  name(instance, "report.instance");
  name(bootId, "report.boot_id");
  name(version, "report.version");
  need(report.bootTime !== undefined, "report.boot_time", "is missing");
  need(!Number.isNaN(report.bootTime?.getTime()), "report.boot_time", "is not a time");
  const expires = report.certificateExpireTime?.getTime();
  need(!Number.isNaN(expires), "report.certificate_expire_time", "is not a time");
  need(report.uptime !== undefined, "report.uptime", "is missing");
  for (const [field, time] of [
    ["report.boot_time", report.bootTime],
    ["report.certificate_expire_time", report.certificateExpireTime],
  ] as const) {
    const year = time?.getUTCFullYear() ?? 2000;
    // A certificate that never expires ends in 9999 (RFC 5280).
    const most = field === "report.boot_time" ? 2999 : 9999;
    need(Number.isNaN(year) || (year >= 2000 && year <= most), field, `is not in the years 2000 to ${most}`);
  }
  const uptimeMs = durationMs(report.uptime);
  need(uptimeMs >= 0 && uptimeMs <= MOST_UPTIME_MS, "report.uptime", "must be 0 to 100 years");
  need(report.openStreams >= 0, "report.open_streams", "is negative");
  if (report.resources) checkResources(report.resources, need);
  need(report.sequence > 0n, "report.sequence", "must be at least 1");
  need(report.resources !== undefined, "report.resources", "is missing");
  if (report.resources?.disk) name(report.resources.disk, "report.resources.disk");
  need(failing.length <= MOST_FAILING, "report.failing", `has more than ${MOST_FAILING} entries`);
  for (const { name: check, why } of failing.slice(0, MOST_FAILING))
    need(check.length <= LONGEST && why.length <= LONGEST, "report.failing", `has a text above ${LONGEST} characters`);
  if (executor) {
    name(executor.executorId, "report.executor.executor_id");
    for (const { slots, running } of executor.engines.slice(0, MOST_ENGINES))
      need(
        [slots, running].every((each) => each >= 0 && each <= MOST_SLOTS),
        "report.executor.engines",
        `has a number that is not 0 to ${MOST_SLOTS}`,
      );
    need(executor.engines.length <= MOST_ENGINES, "report.executor.engines", `has more than ${MOST_ENGINES} entries`);
    for (const { engine, version: found } of executor.engines.slice(0, MOST_ENGINES))
      need(
        engine.length <= LONGEST && found.length <= LONGEST,
        "report.executor.engines",
        `has a text above ${LONGEST} characters`,
      );
  }
  const ascending = callBounds.every((bound, at) => bound > (callBounds[at - 1] ?? 0) && Number.isFinite(bound));
  need(callBounds.length <= MOST_BOUNDS && ascending, "call_bounds", `must be at most ${MOST_BOUNDS}, ascending`);
  need(calls.length <= MOST_METHODS, "calls", `has more than ${MOST_METHODS} methods`);
  for (const { method, ok, unavailable, faults, total } of calls.slice(0, MOST_METHODS)) {
    const counts = [...ok, unavailable, faults, total];
    need(method.length <= LONGEST, "calls.method", `is longer than ${LONGEST} characters`);
    need(
      ok.length === 0 || ok.length === callBounds.length + 1,
      "calls.ok",
      "has not one count per bound and one more",
    );
    need(counts.every(isCount), "calls", "has a count that is negative or absurdly high");
  }
  need(starts.length <= MOST_CLASSES, "starts", `has more than ${MOST_CLASSES} classes`);
  for (const { class: priority, inTime, late } of starts.slice(0, MOST_CLASSES)) {
    name(priority, "starts.class");
    need([inTime, late].every(isCount), "starts", "has a count that is negative or absurdly high");
  }
  if (wrong.length > 0) throw invalidFields(wrong);
  return report;
}

/** `NaN` fits nowhere: it would make every sum of the fleet NaN. */
function checkResources(resources: Resources, need: (fine: boolean, field: string, description: string) => void): void {
  const { processCpus, hostCpuShare, memoryShare, diskFreeShare = 0, cpus, eventLoopDelay } = resources;
  // A process, or the time between two looks, can be a little above what the host has.
  for (const [field, share] of Object.entries({
    host_cpu_share: hostCpuShare,
    memory_share: memoryShare,
    disk_free_share: diskFreeShare,
  }))
    need(share >= 0 && share <= MOST_SHARE, `report.resources.${field}`, "must be a share, 0 to 1");
  need(processCpus >= 0 && processCpus <= MOST_CPUS, "report.resources.process_cpus", `must be 0 to ${MOST_CPUS}`);
  need(cpus >= 0 && cpus <= MOST_CPUS, "report.resources.cpus", `must be 0 to ${MOST_CPUS}`);
  for (const [field, bytes] of Object.entries({
    memory_bytes: resources.memoryBytes,
    memory_limit_bytes: resources.memoryLimitBytes,
  }))
    need(isCount(bytes), `report.resources.${field}`, "is negative or absurdly high");
  const delayMs = durationMs(eventLoopDelay);
  need(delayMs >= 0 && delayMs <= MOST_UPTIME_MS, "report.resources.event_loop_delay", "is negative or absurdly long");
}

const isCount = (count: bigint): boolean => count >= 0n && count <= 2n ** 50n;
