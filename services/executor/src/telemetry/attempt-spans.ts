import type { RunFacts, RunOutcome, Usage } from "@ccsp/engine-kit";
import { contextFromTraceparent, currentTraceparent, tracer } from "@ccsp/telemetry";
import { context, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Lease } from "../domain/queue.js";
import type { AttemptEnd, AttemptTracing } from "../domain/trace.js";

/**
 * Spans of attempts, by OpenTelemetry. They hold names and numbers, never prompts or answers. Attributes follow the
 * conventions for messaging (1.45.0) and for agents (https://github.com/open-telemetry/semantic-conventions-genai, in
 * development). A value that has a name there uses that name.
 */
export function createAttemptTracing(executorId: string): AttemptTracing {
  const spans = tracer("@ccsp/executor");
  return {
    async attempt(lease, work) {
      const parent = contextFromTraceparent(lease.traceparent);
      const span = spans.startSpan("task.attempt", { kind: SpanKind.CONSUMER, ...startOf(lease, executorId) }, parent);
      const inside = trace.setSpan(parent, span);
      try {
        return await context.with(inside, () =>
          work({
            traceparent: currentTraceparent(),
            engine: () => startEngineSpan(lease),
            ended(word) {
              span.setAttribute("ccsp.outcome", word);
              if (isFailure(word)) span.setStatus({ code: SpanStatusCode.ERROR, message: word });
            },
          }),
        );
      } finally {
        span.end();
      }
    },
  };

  function startEngineSpan({ engine, model }: Lease) {
    const span = spans.startSpan(`engine.run ${engine}`, {
      attributes: {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": engine,
        ...(model && { "gen_ai.request.model": model }),
      },
    });
    return {
      traceparent: context.with(trace.setSpan(context.active(), span), currentTraceparent),
      end(outcome: RunOutcome | undefined) {
        describe(span, outcome);
        span.end();
      },
    };
  }
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

function describe(span: Span, outcome: RunOutcome | undefined): void {
  if (outcome?.facts) span.setAttributes(factAttributes(outcome.facts));
  if (outcome === undefined) {
    span.setStatus({ code: SpanStatusCode.ERROR });
  } else if (outcome.ok) {
    const { model, conversationId, engineVersion, usage } = outcome.result;
    span.setAttributes({
      "gen_ai.response.model": model,
      "gen_ai.conversation.id": conversationId,
      "ccsp.engine.version": engineVersion,
      ...usageAttributes(usage),
    });
  } else {
    span.setAttributes({ "error.type": outcome.failure.category, ...usageAttributes(outcome.usage) });
    span.setStatus({ code: SpanStatusCode.ERROR, message: outcome.failure.category });
  }
}

const factAttributes = ({ cause, code, resources, waited }: RunFacts) => ({
  "ccsp.run.exit": cause,
  "ccsp.run.waited": waited,
  "process.exit.code": code ?? undefined,
  "ccsp.run.cpu_ms": resources?.cpuMs,
  "ccsp.run.peak_memory_bytes": resources?.peakMemoryBytes,
});

/** Undefined if the usage is unknown. */
export const usageAttributes = (usage: Usage | undefined) =>
  usage && {
    // The conventions count tokens that were read from a cache or written to one as input tokens too. Engines count
    // them separately.
    "gen_ai.usage.input_tokens": usage.inputTokens + usage.cacheReadTokens + usage.cacheCreationTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
    "gen_ai.usage.cache_read.input_tokens": usage.cacheReadTokens,
    "gen_ai.usage.cache_creation.input_tokens": usage.cacheCreationTokens,
  };

const isFailure = (word: AttemptEnd): boolean => !["SUCCEEDED", "RELEASED", "LOST", "CANCELLED"].includes(word);
