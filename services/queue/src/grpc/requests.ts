import { parseHostPort } from "@ccsp/config";
import { invalidFields, visible } from "@ccsp/errors";
import type { CallContext } from "@ccsp/grpc-kit";
import type { FailRequest, ReportRequest } from "@ccsp/protos/ccsp/queue/v1/attempt.js";
import type { SyncRequest } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { WindowState } from "@ccsp/protos/ccsp/usage/v1/window.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { readTraceparent } from "@ccsp/telemetry";
import { readReceipt } from "../application/read-emergency.js";
import { ACCOUNT_RULE, isAccount } from "../application/read-gates.js";
import type { Offer } from "../domain/executors/executor-store.js";
import { Faults } from "../domain/fields/faults.js";
import { isExecutorId } from "../domain/fields/ids.js";
import { cut, MAX_REASON_BYTES } from "../domain/fields/text.js";
import type { SaidWindows } from "../domain/gates/gates.js";
import { scopeName } from "../domain/gates/scope.js";
import type { SyncInput } from "../domain/leases/sync.js";
import type { Failure } from "../domain/task/task.js";
import type { Report } from "../domain/task/task-store.js";
import { windowsData } from "../messages/event-data.js";
import { failureOf } from "../messages/failure.js";
import { encodeReported } from "../messages/log-message.js";
import { validWindows } from "../messages/run-facts.js";
import { readRunPolicy } from "../messages/run-policy.js";
import { storeUsageSoFar } from "../messages/task-message.js";

// An executor that holds more leases than this is faulty.
const MAX_HELD = 1_000;
const MAX_OFFERS = 32;
// Lua and JavaScript count exactly up to here.
const MAX_SEQUENCE = BigInt(Number.MAX_SAFE_INTEGER);
const MAX_VERSION_BYTES = 64;
// The longest name of a host has 253 characters.
const MAX_ADDRESS_BYTES = 260;
const MAX_ENTRY_BYTES = 1024 * 1024;
// The answer has to reach the caller before the caller's deadline.
const DEADLINE_MARGIN_MS = 500;

/** Throws INVALID_FIELD. */
export function readSync(request: SyncRequest, { deadline }: CallContext): SyncInput {
  const faults = new Faults();
  faults.unless(isExecutorId(request.executorId), "executor_id", "must be 1 to 128 of A-Z a-z 0-9 . _ -");
  faults.unless(isExecutorId(request.bootId), "boot_id", "must be 1 to 128 of A-Z a-z 0-9 . _ -");
  faults.unless(request.sequence > 0n && request.sequence <= MAX_SEQUENCE, "sequence", "must be 1 to 2^53 - 1");
  faults.unless(request.leases.length <= MAX_HELD, "leases", `has more than ${MAX_HELD} entries`);
  faults.unless(request.engines.length <= MAX_OFFERS, "engines", `has more than ${MAX_OFFERS} entries`);
  faults.unless(durationMs(request.maxWait) >= 0, "max_wait", "is negative");
  faults.unless(isAddress(request.address), "address", "must be host:port, or empty");
  const engines = new Set<string>();
  for (const [i, { engine, freeSlots, account }] of request.engines.slice(0, MAX_OFFERS).entries()) {
    faults.unless(isAccount(account), `engines[${i}].account`, ACCOUNT_RULE);
    faults.unless(freeSlots >= 0, `engines[${i}].free_slots`, "is negative");
    // The answer to a second offer would repeat the leases of the first: one answer, one lease twice.
    faults.unless(!engines.has(engine), `engines[${i}].engine`, "is named twice");
    engines.add(engine);
  }
  const policy = readRunPolicy(request.policy);
  const emergency = request.emergency && readReceipt(request.emergency, faults);
  faults.check();
  const leftMs =
    deadline === undefined ? Number.POSITIVE_INFINITY : deadline.getTime() - Date.now() - DEADLINE_MARGIN_MS;
  return {
    executor: request.executorId,
    boot: request.bootId,
    sequence: request.sequence,
    held: request.leases.map(({ taskId, fence }) => ({ id: taskId, fence })),
    offers: offersWithin(MAX_HELD - request.leases.length, request.engines).map((offer) => ({
      ...offer,
      ...slotChangeOf(offer.engine, request.slotChanges),
      ...(policy && { policy }),
    })),
    draining: request.draining,
    address: request.address,
    maxWaitMs: Math.min(durationMs(request.maxWait), leftMs),
    ...(emergency && { emergency }),
  };
}

/**
 * What the executor says of the windows of the logins that it offers. What is not valid is dropped, as `validWindows`
 * does: the executor must get its answer.
 */
export function readWindows({ windows, engines }: Pick<SyncRequest, "windows" | "engines">): readonly SaidWindows[] {
  const logins = new Set(engines.map((offer) => scopeName({ kind: "account", ...offer })));
  return windows
    .slice(0, MAX_OFFERS)
    .filter((said) => logins.has(scopeName({ kind: "account", ...said })))
    .map(({ engine, account, windows: all }) => {
      const valid = validWindows(all);
      const closed = valid.filter(({ state }) => state === WindowState.CLOSED);
      const resetsMs = closed.flatMap(({ resetTime }) => (resetTime ? [resetTime.getTime()] : []));
      const closedUntilMs = resetsMs.length > 0 ? Math.max(...resetsMs) : undefined;
      return { engine, account, data: windowsData({ engine, account, windows: valid }), closedUntilMs };
    });
}

/** Empty: an executor of an earlier release does not say where it is. */
const isAddress = (text: string): boolean =>
  text === "" || (text.length <= MAX_ADDRESS_BYTES && parseHostPort(text) !== undefined);

/** Limits the offers to `room` slots. An executor that held more leases than a Sync may name could never call again. */
function offersWithin(room: number, engines: SyncRequest["engines"]): SyncInput["offers"] {
  let left = room;
  return engines.map(({ engine, freeSlots: offered, account, slots, version }) => {
    const freeSlots = Math.min(offered, left);
    left -= freeSlots;
    return {
      engine,
      account,
      freeSlots,
      slots: Math.max(slots, freeSlots),
      version: cut(visible(version), MAX_VERSION_BYTES),
    };
  });
}

/** The change of this engine's slots. One without a valid time is left out: it is only shown. */
function slotChangeOf(engine: string, changes: SyncRequest["slotChanges"]): Pick<Offer, "slotChange"> {
  const change = changes.find((each) => each.engine === engine);
  const timeMs = change?.time?.getTime() ?? Number.NaN;
  if (change === undefined || Number.isNaN(timeMs)) return {};
  const { before, after, reason, dryRun } = change;
  return { slotChange: { before, after, reason: cut(visible(reason), MAX_REASON_BYTES), timeMs, dryRun } };
}

/**
 * Skips an event that this version does not know: during an upgrade, an executor of a later release may send one.
 * Throws INVALID_FIELD.
 */
export function readReport(request: ReportRequest): Report {
  const { taskId, fence, reportSequence, started, events } = request;
  const faults = new Faults();
  faults.unless(reportSequence > 0, "report_sequence", "must be 1 or more");
  const entries = events.flatMap((event, i) => {
    const kind = event.event?.$case;
    if (kind === undefined) return [];
    if (kind === "stateChanged" || kind === "taskEnded") {
      // Not encoded: only these kinds have times, and an invalid time cannot be encoded.
      faults.unless(false, `events[${i}]`, "is written by the queue only");
      return [];
    }
    const entry = encodeReported(event);
    faults.unless(entry.byteLength <= MAX_ENTRY_BYTES, `events[${i}]`, `is larger than ${MAX_ENTRY_BYTES} bytes`);
    return [entry];
  });
  faults.check();
  const used = events.findLast(({ event }) => event?.$case === "usageSoFar")?.event;
  return {
    id: taskId,
    fence: Number(fence),
    number: reportSequence,
    entries,
    ...(used?.$case === "usageSoFar" && { usageSoFar: storeUsageSoFar(used.value) }),
    // The queue only shows it as a link, so a malformed one is not refused.
    ...(started && { started: { traceparent: readTraceparent(started.traceparent) } }),
  };
}

/** Throws INVALID_FIELD. */
export function readFailure({ error }: FailRequest): Failure {
  if (error === undefined) throw invalidFields([{ field: "error", description: "is missing" }]);
  return failureOf(error);
}
