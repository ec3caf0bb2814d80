import { randomBytes } from "node:crypto";
import { categoryText } from "@ccsp/errors";
import { TaskSpec } from "@ccsp/protos/ccsp/task/v1/task.js";
import {
  type FinishedSpan,
  recordSpan,
  spanOfTraceparent,
  traceparentOf,
  tracer,
  usageAttributes,
} from "@ccsp/telemetry";
import { type Attributes, type Link, ROOT_CONTEXT, type SpanContext, SpanKind, trace } from "@opentelemetry/api";
import type { LogEntry, NoteStore } from "../domain/log/log-store.js";
import { isPriorityChange, sumOf } from "../domain/task/decide.js";
import { labelName, labelOf } from "../domain/task/labels.js";
import type { Move } from "../domain/task/move.js";
import { type Failure, isEnded, isHeld, type Task } from "../domain/task/task.js";
import type { TaskTraces } from "../domain/task/task-traces.js";
import { waitedFor } from "./waited-for.js";

const SCOPE = "@ccsp/queue";
const spans = tracer(SCOPE);
const SAMPLED = 1;

export interface TaskSpans extends TaskTraces {
  /** Records the wait that this lease of the task ended. */
  leased(task: Task): void;
}

interface SpanDeps {
  readonly store: NoteStore;
  /** Redis' time, by which the times of tasks count. */
  readonly clock: { now(): number };
  /** Keys of labels that spans may have. */
  readonly labels: readonly string[];
}

/**
 * The spans of tasks (docs/traces.md, ADR 23). The ids of a task's span are given out at its acceptance, so waits and
 * attempts can name their parent, and no service decides again whether it is sampled. The replica whose change ends the
 * task exports it.
 */
export function createTaskSpans({ store, clock, labels }: SpanDeps): TaskSpans {
  const shown = new Set(labels.map((key) => labelName(key)));

  const taskEnded = async (task: Partial<Task>, move: Move, own: Own): Promise<void> => {
    const endMs = clock.now();
    const { id = "", notes = [], noted = 0, began = 0 } = task;
    // A log that was lost costs the events and nothing else.
    const entries = notes.length === 0 ? [] : await store.readNotes(id, notes).catch(() => []);
    const told = entries.filter(({ timeMs }) => timeMs > began);
    const cancelled = move.to === "CANCELLED" && !isHeld(task.state ?? "QUEUED");
    recordSpan(SCOPE, {
      name: "task",
      ...own,
      endMs,
      attributes: { ...identityOf(task), ...labelsOf(task, shown), ...specOf(task), ...endOf(task, move) },
      events: [...told.flatMap(eventsOf), ...(cancelled ? [{ name: "task.cancel", timeMs: endMs }] : [])],
      droppedEvents: Math.max(0, noted - notes.length),
      error: errorOf(move),
    });
  };

  return {
    begin({ alone = false } = {}) {
      const call = trace.getActiveSpan()?.spanContext();
      const parent = traceparentOf(call);
      if (call === undefined || parent === "") return undefined;
      // The sampler decides for a new trace. The span itself is never ended, so it is not exported.
      const own = alone
        ? spans.startSpan("task", { root: true }, ROOT_CONTEXT).spanContext()
        : { ...call, spanId: newSpanId() };
      return { trace: traceparentOf(own), parent };
    },

    leased(task) {
      const parent = spanOfTraceparent(task.trace ?? "");
      if (parent === undefined || !isSampled(parent)) return;
      const { returned, began, created, leased: endMs = created } = task;
      const startMs = Math.max(returned ?? 0, began ?? 0, created);
      recordSpan(SCOPE, {
        name: "queue.wait",
        context: { ...parent, spanId: newSpanId() },
        parent,
        startMs,
        endMs,
        attributes: {
          ...identityOf(task),
          "ccsp.attempt": (task.attempt ?? 0) + 1,
          "ccsp.executor.id": task.executor ?? "",
          "ccsp.wait.for": [...waitedFor(task, startMs)],
        },
      });
    },

    moved(task, move) {
      const own = spanOf(task);
      const lost = lostAttempt(task, move, clock.now());
      if (lost) recordSpan(SCOPE, lost);
      if (own && isEnded(move.to)) void taskEnded(task, move, own);
    },
  };
}

type Own = Pick<FinishedSpan, "context" | "parent" | "startMs" | "links">;

const newSpanId = (): string => randomBytes(8).toString("hex");
const isSampled = ({ traceFlags }: SpanContext): boolean => (traceFlags & SAMPLED) !== 0;

/** The ids and the start of a task's span. Undefined: it has none, or is not sampled. */
function spanOf({
  trace: own = "",
  parent,
  before = "",
  follows = "",
  began,
  created = 0,
}: Partial<Task>): Own | undefined {
  const context = spanOfTraceparent(own);
  if (parent === undefined || context === undefined || !isSampled(context)) return undefined;
  const call = spanOfTraceparent(parent);
  const below = call?.traceId === context.traceId ? call : undefined;
  const links = [
    ...linkTo(below ? undefined : call, "call"),
    ...linkTo(spanOfTraceparent(before), "before_retry"),
    ...linkTo(spanOfTraceparent(follows), "previous_turn"),
  ];
  return { context, parent: below, startMs: began ?? created, links };
}

const linkTo = (context: SpanContext | undefined, what: string): readonly Link[] =>
  context === undefined ? [] : [{ context, attributes: { "ccsp.link": what } }];

/**
 * The attempt of an executor that was lost, under the ids that it reported at its start: nobody else can export it, and
 * the next attempt links to it. An executor that comes back exports no attempt that it lost.
 */
function lostAttempt(task: Partial<Task>, move: Move, endMs: number): FinishedSpan | undefined {
  const { state = "QUEUED", ran, fence, previous = "", trace: own = "", started = endMs, attempt = 0 } = task;
  const ended = isHeld(state) && !isHeld(move.to) && move.settle === undefined;
  const context = spanOfTraceparent(previous);
  if (!ended || ran !== fence || context === undefined || !isSampled(context)) return undefined;
  const { set, to } = move;
  const category = to === "QUEUED" && !set.error ? undefined : "EXECUTOR_LOST";
  return {
    name: "task.attempt",
    kind: SpanKind.CONSUMER,
    context,
    parent: spanOfTraceparent(own),
    startMs: started,
    endMs,
    attributes: {
      ...identityOf(task),
      "ccsp.attempt": attempt,
      "ccsp.executor.id": task.executor ?? "",
      "ccsp.outcome": category ?? "LOST",
      ...(category && { "error.type": category }),
    },
    error: category && categoryText(category),
  };
}

const identityOf = ({ id = "", agent = "", engine = "", class: priority = "normal" }: Partial<Task>): Attributes => ({
  "ccsp.task.id": id,
  "ccsp.agent.id": agent,
  "ccsp.engine": engine,
  "ccsp.priority": priority,
});

function labelsOf({ labels = [] }: Partial<Task>, shown: ReadonlySet<string>): Attributes {
  const allowed = labels.filter((name) => shown.has(name.split("=")[0] ?? ""));
  return Object.fromEntries(allowed.map(labelOf).map(([key, value]) => [`ccsp.label.${key}`, value]));
}

/** What the spec says. Nothing when it cannot be decoded: the task must still end. */
function specOf({ id = "", spec = "" }: Partial<Task>): Attributes {
  try {
    const { model, conversation } = TaskSpec.decode(Buffer.from(spec, "base64"));
    const begins = conversation && (conversation.id === "" || conversation.fork);
    return {
      ...(model !== "" && { "gen_ai.request.model": model }),
      ...(conversation && { "gen_ai.conversation.id": begins ? id : conversation.id }),
    };
  } catch {
    return {};
  }
}

function endOf({ attempt = 0, state, consumed: before }: Partial<Task>, { to, set, consumed }: Move): Attributes {
  const category = categoryOf(set.error);
  // The record of a run that succeeded is that of its lease.
  const attempts = to === "SUCCEEDED" && state === "LEASED" ? attempt + 1 : attempt;
  const total = consumed ? sumOf(before, consumed) : before;
  return {
    "ccsp.attempts": attempts,
    "ccsp.outcome": to,
    ...(category && to !== "CANCELLED" && { "error.type": category }),
    ...(total && { ...usageAttributes(total), "ccsp.cost_usd": total.costUsd }),
  };
}

const categoryOf = (error: Failure | null | undefined): Failure["category"] | undefined => error?.category;

/** Fixed words: the message of a failure may quote the engine. */
function errorOf({ to, set }: Move): string | undefined {
  const category = categoryOf(set.error);
  return (to === "FAILED" || to === "EXPIRED") && category ? categoryText(category) : undefined;
}

/** Failures after which no task of that login or executor starts for a while. */
const CLOSES_GATE: ReadonlySet<string> = new Set(["USAGE_WINDOW", "SESSION_TIMEOUT", "ENGINE_CRASH"]);

/** What the span of a task shows of an entry in its log. */
function eventsOf({ content, timeMs, attempt }: LogEntry): { name: string; timeMs: number; attributes: Attributes }[] {
  if (content.kind !== "state") return [];
  const { state, note } = content;
  const category = note.error?.category;
  const attributes = {
    "ccsp.attempt": attempt,
    ...(category && { "error.type": category, "ccsp.reason": categoryText(category) }),
    ...(note.readyMs !== undefined && { "ccsp.until": new Date(note.readyMs).toISOString() }),
  };
  const named = (name: string) => ({ name, timeMs, attributes });
  if (state === "PARKED") {
    return [named("task.parked"), ...(category === "USAGE_WINDOW" ? [named("gate.closed")] : [])];
  }
  if (state === "CANCELLING") return [named("task.cancel")];
  if (state !== "QUEUED") return [];
  if (category) return [...(CLOSES_GATE.has(category) ? [named("gate.closed")] : []), named("task.retry")];
  if (isPriorityChange(note.reason)) return [named("task.priority")];
  return [named(attempt === 0 ? "task.ready" : "task.retry")];
}
