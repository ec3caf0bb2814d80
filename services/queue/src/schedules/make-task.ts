import { createHash } from "node:crypto";
import { type Reason, Refusal } from "@ccsp/errors";
import { tracer } from "@ccsp/telemetry";
import { SpanKind } from "@opentelemetry/api";
import type { Submissions } from "../application/submissions.js";
import type { Made } from "./run-due.js";
import type { Schedule } from "./schedule.js";
import { readableSpecOf } from "./schedule-message.js";

// Refusals that pass by themselves. While Redis is completely away, they cannot be recorded either, and the round
// fails.
const NOT_NOW: ReadonlySet<Reason> = new Set([
  "QUEUE_FULL",
  "OVERLOADED",
  "SUBMIT_STOPPED",
  "BUDGET_EXHAUSTED",
  "DEPENDENCY_UNAVAILABLE",
]);
const RETRY_MS = 5_000;

const spans = tracer("@ccsp/queue");

/**
 * Submits a schedule's task. The request id is made from the schedule and the time. So the queue itself makes only one
 * task, whichever replica asks and how often, for the day that it remembers request ids.
 */
export function createMakeTask(enqueue: Submissions["enqueue"]): (schedule: Schedule, timeMs: number) => Promise<Made> {
  return async (schedule, timeMs) => {
    const { agent, name } = schedule;
    const spec = readableSpecOf(schedule);
    if (spec === undefined) return { fault: "INTERNAL: the stored schedule cannot be read; store it again" };
    const time = new Date(timeMs).toISOString();
    const attributes = {
      "ccsp.agent.id": agent,
      "ccsp.schedule.id": `${agent}/${name}`,
      "ccsp.schedule.name": name,
      "ccsp.schedule.time": time,
    };
    return spans.startActiveSpan("queue.schedule", { kind: SpanKind.INTERNAL, attributes }, async (span) => {
      try {
        const { task } = await enqueue({ agentId: agent, spec, requestId: requestId(name, time) });
        return { task: task?.id };
      } catch (error) {
        return refused(error);
      } finally {
        span.end();
      }
    });
  };
}

/** The name is hashed, because a name alone may have the length of a request id. */
function requestId(name: string, time: string): string {
  return `schedule:${createHash("sha256").update(name).digest("base64url")}:${time}`;
}

function refused(error: unknown): Made {
  // A bug: the round fails.
  if (!(error instanceof Refusal)) throw error;
  // The task exists already: it was made from an earlier version of the schedule, or so long ago that it is gone.
  if (error.reason === "REQUEST_ID_CONFLICT" || error.reason === "TASK_NOT_FOUND") {
    return { task: error.metadata["task_id"] };
  }
  const fault = `${error.reason}: ${error.message}`.slice(0, 512);
  return NOT_NOW.has(error.reason) ? { fault, retryMs: error.retryAfterMs ?? RETRY_MS } : { fault };
}
