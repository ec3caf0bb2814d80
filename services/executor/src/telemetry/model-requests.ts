import { declareCounter, declareHistogram } from "@ccsp/metrics";
import { contextFromTraceparent, tracer, usageAttributes } from "@ccsp/telemetry";
import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { Registry } from "prom-client";
import type { BrokeredTask, Observer } from "../broker/observer.js";

const REQUESTS = declareCounter({
  name: "ccsp_executor_model_requests_total",
  help: "Messages that runs sent to their provider through the broker, by the class of the answer's HTTP status; none: no answer came",
  labels: { provider: "providers of the engines", status: ["2xx", "3xx", "4xx", "5xx", "none"] },
});

const TOKENS = declareCounter({
  name: "ccsp_executor_model_tokens_total",
  help: "Tokens that the answers to these messages told",
  labels: { provider: "providers of the engines", kind: ["input", "output", "cache_read", "cache_creation"] },
});

const FIRST = declareHistogram({
  name: "ccsp_executor_model_first_token_seconds",
  help: "From a message to the first piece of its streamed answer",
  labels: { provider: "providers of the engines" },
  buckets: [0.1, 0.3, 1, 3, 10, 30, 100],
});

/** A run may ask for hours. The first of its messages have spans of their own. */
const MOST_SPANS = 100;

/**
 * A span and metrics for each message to a model. They have names and numbers, and nothing of the content. Attributes
 * follow semantic-conventions-genai 0.1.0 (https://github.com/open-telemetry/semantic-conventions-genai).
 */
export function createModelRequests(registry: Registry): Observer {
  const requests = REQUESTS(registry);
  const tokens = TOKENS(registry);
  const first = FIRST(registry);
  const spans = tracer("@ccsp/executor");
  const many = new WeakMap<BrokeredTask, number>();

  const startSpan = (provider: string, task: BrokeredTask) => {
    const before = many.get(task) ?? 0;
    many.set(task, before + 1);
    if (task.traceparent === "" || before >= MOST_SPANS) return undefined;
    const attributes = { "gen_ai.operation.name": "chat", "gen_ai.provider.name": provider };
    return spans.startSpan("chat", { kind: SpanKind.CLIENT, attributes }, contextFromTraceparent(task.traceparent));
  };

  return {
    asked(provider, task) {
      const span = startSpan(provider, task);
      const startedMs = performance.now();
      return {
        firstToken() {
          const seconds = (performance.now() - startedMs) / 1000;
          first.observe({ provider }, seconds);
          span?.setAttribute("gen_ai.response.time_to_first_chunk", seconds);
        },
        ended({ status, answer: { model, usage, finishReason, complete } }) {
          requests.inc({ provider, status: classOf(status) });
          for (const [kind, count] of Object.entries(usage ? kindsOf(usage) : {}))
            tokens.inc({ provider, kind }, count);
          if (span === undefined) return;
          if (model !== "") span.updateName(`chat ${model}`).setAttribute("gen_ai.response.model", model);
          span.setAttributes({
            ...(status !== undefined && { "http.response.status_code": status }),
            ...(finishReason !== undefined && { "gen_ai.response.finish_reasons": [finishReason] }),
            ...(usage && usageAttributes(usage)),
          });
          const fault =
            status === undefined ? "NETWORK_ERROR" : status >= 400 ? String(status) : complete ? "" : "_OTHER";
          if (fault !== "") span.setStatus({ code: SpanStatusCode.ERROR }).setAttribute("error.type", fault);
          span.end();
        },
      };
    },
  };
}

const classOf = (status: number | undefined) => {
  if (status === undefined) return "none";
  if (status >= 500) return "5xx";
  return status >= 400 ? "4xx" : status >= 300 ? "3xx" : "2xx";
};

const kindsOf = (usage: {
  inputTokens: number;
  outputTokens: number;
  cacheReadTokens: number;
  cacheCreationTokens: number;
}) => ({
  input: usage.inputTokens,
  output: usage.outputTokens,
  cache_read: usage.cacheReadTokens,
  cache_creation: usage.cacheCreationTokens,
});
