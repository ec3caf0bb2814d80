import type { Engine, EngineEvent, RunFacts, RunOutcome } from "@ccsp/engine-kit";
import { categoryText, isCategoryName } from "@ccsp/errors";
import { contextFromTraceparent, currentTraceparent, tracer, usageAttributes } from "@ccsp/telemetry";
import { type Context, context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Lease } from "../domain/queue.js";
import type { AttemptEnd, AttemptTracing, EngineSpan, Reported } from "../domain/trace.js";

/** A run may use tools for hours. Its span says how many; the first of them have spans of their own. */
const MOST_TOOL_SPANS = 100;

/**
 * Spans of attempts, by OpenTelemetry. They hold names and numbers, never prompts or answers. Attributes follow the
 * conventions for messaging (1.45.0) and for agents and tools (semantic-conventions-genai 0.1.0,
 * https://github.com/open-telemetry/semantic-conventions-genai, in development). A value that has a name there uses
 * that name.
 */
export function createAttemptTracing(executorId: string): AttemptTracing {
  const spans = tracer("@ccsp/executor");
  return {
    async attempt(lease, work) {
      const parent = contextFromTraceparent(lease.traceparent);
      const span = spans.startSpan("task.attempt", { kind: SpanKind.CONSUMER, ...startOf(lease, executorId) }, parent);
      const inside = trace.setSpan(parent, span);
      let end: AttemptEnd | undefined;
      let doneMs: number | undefined;
      try {
        return await context.with(inside, () =>
          work({
            traceparent: currentTraceparent(),
            engine: (engine) => startEngineSpan(lease, engine),
            done() {
              doneMs = Date.now();
            },
            ended(word) {
              end = word;
              span.setAttribute("ccsp.outcome", word);
              if (isFailure(word)) fail(span, word);
            },
          }),
        );
      } finally {
        // The queue has taken the lease back, and has made this span with the same ids.
        if (end !== "LOST") span.end(doneMs);
      }
    },
  };

  function startEngineSpan(
    { engine, model, conversation, taskId, attempt }: Lease,
    of: Pick<Engine, "provider">,
  ): EngineSpan {
    const startedMs = performance.now();
    const begins = conversation && (conversation.id === "" || conversation.fork);
    const span = spans.startSpan(`engine.run ${engine}`, {
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": engine,
        "ccsp.task.id": taskId,
        "ccsp.attempt": attempt,
        ...(of.provider && { "gen_ai.provider.name": of.provider }),
        ...(model && { "gen_ai.request.model": model }),
        ...(conversation && { "gen_ai.conversation.id": begins ? taskId : conversation.id }),
      },
    });
    const inside = trace.setSpan(context.active(), span);
    const tools = createToolSpans(inside);
    let silent = true;
    return {
      traceparent: context.with(inside, currentTraceparent),
      add(event) {
        tools.add(event);
        if (!silent || event.type !== "text") return;
        silent = false;
        span.setAttribute("gen_ai.response.time_to_first_chunk", (performance.now() - startedMs) / 1000);
      },
      end(outcome: RunOutcome | undefined, reported: Reported | undefined) {
        describe(span, outcome, of.provider);
        span.setAttributes({
          "ccsp.tool_calls": tools.end(),
          ...(reported && { "ccsp.report.calls": reported.calls, "ccsp.report.bytes": reported.bytes }),
        });
        span.end();
      },
    };
  }

  /** The spans of tools, below that of the run. Their names are the engine's; nothing of their content is in them. */
  function createToolSpans(inside: Context) {
    const open = new Map<string, Span>();
    let calls = 0;
    return {
      add(event: EngineEvent): void {
        if (event.type === "tool") {
          calls += 1;
          if (event.id === undefined || calls > MOST_TOOL_SPANS) return;
          const attributes = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": event.name,
            "gen_ai.tool.call.id": event.id,
          };
          open.set(event.id, spans.startSpan(`execute_tool ${event.name}`, { attributes }, inside));
        } else if (event.type === "tool-ended") {
          const span = open.get(event.id);
          if (span && event.failed) fail(span, "_OTHER", "the tool failed");
          span?.end();
          open.delete(event.id);
        }
      },
      /** Ends the spans of tools that the end of the run cut off. Returns how many tools were used. */
      end(): number {
        for (const span of open.values()) {
          fail(span, "CANCELLED", "the run ended before the tool");
          span.end();
        }
        return calls;
      },
    };
  }
}

/** An error with fixed words: the message of a failure may quote the engine. */
function fail(span: Span, type: string, why = isCategoryName(type) ? categoryText(type) : type): void {
  span.setStatus({ code: SpanStatusCode.ERROR, message: why }).setAttribute("error.type", type);
}

function startOf(lease: Lease, executorId: string) {
  const previous = trace.getSpanContext(contextFromTraceparent(lease.previousTraceparent));
  return {
    attributes: {
      "messaging.system.name": "ccsp",
      "messaging.operation.name": "process",
      "messaging.operation.type": "process",
      "ccsp.task.id": lease.taskId,
      "ccsp.attempt": lease.attempt,
      "ccsp.engine": lease.engine,
      "ccsp.executor.id": executorId,
    },
    links: previous ? [{ context: previous }] : [],
  };
}

function describe(span: Span, outcome: RunOutcome | undefined, provider: string | undefined): void {
  if (outcome?.facts) span.setAttributes(factAttributes(outcome.facts));
  if (outcome === undefined) {
    fail(span, "CANCELLED", "it was ended before it could start");
  } else if (outcome.ok) {
    const { model, conversationId, engineVersion, usage, costUsd, finishReason } = outcome.result;
    // An engine with several providers names the provider in the name of its model.
    const [named, more] = model.split("/", 2);
    span.setAttributes({
      "gen_ai.response.model": model,
      ...(provider === undefined && more !== undefined && named !== undefined && { "gen_ai.provider.name": named }),
      ...(finishReason !== undefined && { "gen_ai.response.finish_reasons": [finishReason] }),
      ...(conversationId !== "" && { "ccsp.engine.conversation.id": conversationId }),
      "ccsp.engine.version": engineVersion,
      ...(costUsd !== undefined && { "ccsp.cost_usd": costUsd }),
      ...(usage && usageAttributes(usage)),
    });
  } else {
    const { failure, usage, costUsd } = outcome;
    span.setAttributes({
      ...(usage && usageAttributes(usage)),
      ...(costUsd !== undefined && { "ccsp.cost_usd": costUsd }),
    });
    fail(span, failure.category);
  }
}

const factAttributes = ({ cause, code, resources, waited }: RunFacts) => ({
  "ccsp.run.exit": cause,
  "ccsp.run.waited": waited,
  "process.exit.code": code ?? undefined,
  "ccsp.run.cpu_ms": resources?.cpuMs,
  "ccsp.run.peak_memory_bytes": resources?.peakMemoryBytes,
});

const isFailure = (word: AttemptEnd): boolean => !["SUCCEEDED", "RELEASED", "LOST", "CANCELLED"].includes(word);
