// One scripted executor as a separate process. It makes real calls and has no engine. The test starts it with its
// settings as JSON.
import { setTimeout as sleep } from "node:timers/promises";
import { createRandom } from "@ccsp/e2e-kit/random.js";
import { serviceChannel } from "@ccsp/e2e-kit/service-channel.js";
import { CallError, createClient } from "@ccsp/grpc-kit";
import { QueueServiceService } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import type { Lease } from "@ccsp/protos/ccsp/queue/v1/sync.js";
import { ErrorCategory, ErrorSource, type TaskEvent, TaskResult } from "@ccsp/protos/ccsp/task/v1/task.js";
import { status } from "@grpc/grpc-js";
import { drawPlan, type Plan } from "./behaviour.js";
import { openJournal } from "./journal.js";
import { stateName } from "./task-log.js";

export interface ExecutorSettings {
  readonly executor: string;
  readonly boot: string;
  readonly target: string;
  /** The folder with the certificates of the services. */
  readonly certificates: string;
  readonly journal: string;
  readonly seed: string;
  readonly engine: string;
  readonly slots: number;
  readonly leaseMs: number;
}

/** A lease, and what the queue has reported about it since. */
interface Held {
  readonly lease: Lease;
  told: "nothing" | "cancel" | "lost";
}

const settings: ExecutorSettings = JSON.parse(process.argv[2] ?? "{}");
const { executor, boot, engine, slots, leaseMs } = settings;
const random = createRandom(`${settings.seed}/${executor}/${boot}`);
const journal = openJournal(settings.journal, { executor, boot });
const queue = createClient(QueueServiceService, settings.target, {
  credentials: serviceChannel(settings.certificates, { as: "executor", to: "queue" }),
});
const held = new Set<Held>();
let sequence = 0n;
let waiting = new AbortController();

const MAX_WAIT_MS = 1_000;
const CALL_MS = 3_000;
const PAUSE_MS = 100;
const UNANSWERED: readonly status[] = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.CANCELLED];

async function sync(): Promise<void> {
  const request = {
    executorId: executor,
    bootId: boot,
    sequence: ++sequence,
    leases: [...held].map(({ lease: { taskId, fence } }) => ({ taskId, fence })),
    engines: [{ engine, freeSlots: Math.max(0, slots - held.size), version: "1.0", account: executor, slots }],
    draining: false,
    address: "",
    maxWait: { seconds: 0n, nanos: (MAX_WAIT_MS - 1) * 1e6 },
  };
  // Sometimes repeats the same call, as a client does when its connection breaks.
  do {
    waiting = new AbortController();
    try {
      const answer = await queue.sync(request, { timeoutMs: MAX_WAIT_MS + CALL_MS, signal: waiting.signal });
      tell(
        "cancel",
        answer.cancellations.map(({ taskId }) => taskId),
      );
      tell("lost", answer.lostTaskIds);
      for (const lease of answer.leases) void run(lease);
      return;
    } catch (error) {
      if (waiting.signal.aborted) return;
      if (error instanceof CallError && error.reason === "SYNC_STALE") return;
      unanswered("Sync", "", 0n, error);
      await sleep(PAUSE_MS);
    }
  } while (random.chance(0.5));
}

function tell(what: "cancel" | "lost", taskIds: readonly string[]): void {
  for (const each of held) {
    if (!taskIds.includes(each.lease.taskId)) continue;
    each.told = what;
    if (what === "lost") held.delete(each);
  }
}

async function run(lease: Lease): Promise<void> {
  const { taskId, fence } = lease;
  // The queue granted this lease again in answer to a repeated Sync.
  if ([...held].some((each) => each.lease.fence === fence)) return;
  const mine: Held = { lease, told: "nothing" };
  held.add(mine);
  journal(taskId, fence, { what: "leased", attempt: lease.attempt });
  const plan = drawPlan(random, leaseMs);
  try {
    const worked = await work(mine, plan);
    if (worked) await end(mine, plan);
  } finally {
    held.delete(mine);
    // Ends the waiting Sync, so that the next one reports the free slot immediately. Otherwise the next regular Sync
    // reports it.
    if (random.chance(0.3)) waiting.abort();
  }
}

/** Holds the lease, starts the run and reports. Resolves to false if it stops without an end. */
async function work(mine: Held, plan: Plan): Promise<boolean> {
  const { taskId, fence } = mine.lease;
  await sleep(plan.holdMs);
  let texts = 0;
  for (let number = 1; number <= plan.reports && goesOn(mine, plan); number++) {
    const events = Array.from({ length: random.between(1, 3) }, () => text(`${fence}:${++texts};`));
    const started = number === 1 ? { traceparent: "" } : undefined;
    const answer = await ask("Report", mine, () =>
      queue.report({ taskId, fence, reportSequence: number, started, events }, { timeoutMs: CALL_MS }),
    );
    if (answer === undefined && !plan.deaf) return false;
    if (answer !== undefined) journal(taskId, fence, { what: "reported", texts });
    await sleep(plan.stepMs);
  }
  if (plan.end === "forget") return false;
  if (plan.end === "zombie") {
    held.delete(mine);
    await sleep(random.between(0, leaseMs / 2));
  }
  return mine.told !== "lost" || plan.deaf;
}

const goesOn = (mine: Held, plan: Plan): boolean => plan.deaf || mine.told === "nothing";

async function end(mine: Held, plan: Plan): Promise<void> {
  const { taskId, fence } = mine.lease;
  const cancelled = mine.told === "cancel" && !plan.deaf;
  const first = cancelled ? "fail" : plan.end;
  if (first === "release") {
    const answer = await ask("Release", mine, () =>
      queue.release({ taskId, fence, reason: "chaos" }, { timeoutMs: CALL_MS }),
    );
    if (answer) journal(taskId, fence, { what: "released" });
    return;
  }
  if (first === "complete" || first === "zombie") {
    const completed = await complete(mine);
    if (!completed || !plan.repeats) return;
    if (!(await complete(mine))) unexpected("Complete", mine, "a repeated Complete was refused after the first was OK");
    if (await fail(mine, "refuse", false)) unexpected("Fail", mine, "Fail was OK after Complete was OK");
    return;
  }
  const failed = await fail(mine, first === "fail" || first === "limit" ? first : "refuse", cancelled);
  if (failed && plan.repeats && (await complete(mine)))
    unexpected("Complete", mine, "Complete was OK after Fail was OK");
}

async function complete(mine: Held): Promise<boolean> {
  const { taskId, fence, spec } = mine.lease;
  const usage = {
    inputTokens: BigInt(random.between(1, 900)),
    outputTokens: 100n,
    cacheReadTokens: 0n,
    cacheCreationTokens: 0n,
  };
  const result = {
    ...TaskResult.fromPartial({ text: `${spec?.prompt} by ${executor} with ${fence}`, turns: 1 }),
    usage,
  };
  const answer = await ask("Complete", mine, () => queue.complete({ taskId, fence, result }, { timeoutMs: CALL_MS }));
  if (answer) journal(taskId, fence, { what: "completed" });
  return answer !== undefined;
}

const FAILURES = {
  fail: [ErrorCategory.NETWORK_ERROR, true],
  limit: [ErrorCategory.RATE_LIMIT, true],
  refuse: [ErrorCategory.INVALID_REQUEST, false],
} as const;

async function fail(mine: Held, how: keyof typeof FAILURES, cancelled: boolean): Promise<boolean> {
  const { taskId, fence } = mine.lease;
  const [category, retryable] = FAILURES[how];
  const error = {
    category: cancelled ? ErrorCategory.CANCELLED : category,
    message: how,
    retryable: retryable && !cancelled,
    source: ErrorSource.PROVIDER,
    retryAfter: how === "limit" ? { seconds: 0n, nanos: random.between(1, 500) * 1e6 } : undefined,
  };
  const answer = await ask("Fail", mine, () => queue.fail({ taskId, fence, error }, { timeoutMs: CALL_MS }));
  if (answer) journal(taskId, fence, { what: "failed", state: stateName(answer.state) });
  return answer !== undefined;
}

/** Repeats the call until it is answered. Resolves to undefined when the lease is lost. */
async function ask<T>(
  call: string,
  { lease: { taskId, fence } }: Held,
  make: () => Promise<T>,
): Promise<T | undefined> {
  for (;;) {
    try {
      return await make();
    } catch (error) {
      if (error instanceof CallError && error.reason === "LEASE_LOST") {
        journal(taskId, fence, { what: "refused", call });
        return undefined;
      }
      unanswered(call, taskId, fence, error);
      await sleep(PAUSE_MS);
    }
  }
}

function unanswered(call: string, taskId: string, fence: bigint, error: unknown): void {
  if (error instanceof CallError && UNANSWERED.includes(error.code)) {
    journal(taskId, fence, { what: "retried", call, code: status[error.code] });
  } else {
    journal(taskId, fence, { what: "unexpected", call, error: String(error) });
  }
}

function unexpected(call: string, { lease: { taskId, fence } }: Held, error: string): void {
  journal(taskId, fence, { what: "unexpected", call, error });
}

function text(value: string): TaskEvent {
  return {
    sequence: 0,
    time: undefined,
    attempt: 0,
    event: { $case: "textDelta", value: { text: value, message: 1 } },
  };
}

for (;;) await sync();
