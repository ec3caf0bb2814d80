import { Refusal } from "@ccsp/errors";
import { findTrace, type Span } from "@ccsp/trace-store";
import { type JaegerAnswer, type JaegerSpan, lightSpan, spansOfJaeger } from "./jaeger.js";
import { createSpanCutter } from "./jaeger-stream.js";

/**
 * Resolves to the spans of a trace in any order, and to none if the tracing system does not know it. Rejects with
 * DEPENDENCY_UNAVAILABLE if the tracing system does not answer within 5 s or its answer cannot be used, and with
 * OVERLOADED if this gateway reads many other traces now.
 */
export type ReadSpans = (traceId: string) => Promise<readonly Span[]>;

const PATIENCE_MS = 5_000;
/** Only these few fields of each span are in memory. So these bound what the traces of all callers take. */
const MOST_AT_ONCE = 4;
const MOST_SPANS = 50_000;
const MAX_BYTES = 32 * 1024 * 1024;
const SOCKET = "unix://";

/** An answer that stays as it is when the call is repeated. */
class Unusable extends Error {}

/**
 * Reads traces from CCSP_GATEWAY_TRACES_URL: the store of a local fleet, or Jaeger's query service. Calls for the same
 * trace share one read. Jaeger has `patienceMs` for an answer.
 */
export function spanReader(url: string, patienceMs = PATIENCE_MS): ReadSpans {
  const read = url.startsWith(SOCKET)
    ? async (traceId: string) => (await findTrace(url.slice(SOCKET.length), traceId)).spans
    : (traceId: string) => readJaeger(url.replace(/\/$/, ""), traceId, patienceMs);
  const running = new Map<string, Promise<readonly Span[]>>();
  return async (traceId) => {
    const shared = running.get(traceId);
    if (shared) return shared;
    if (running.size >= MOST_AT_ONCE)
      throw new Refusal("OVERLOADED", "this gateway reads many other traces now; call again", { retryAfterMs: 1_000 });
    const reading = read(traceId)
      .catch((cause: Error) => {
        throw refusalOf(cause);
      })
      .finally(() => running.delete(traceId));
    running.set(traceId, reading);
    return reading;
  };
}

function refusalOf(cause: Error): Refusal {
  const details = { metadata: { dependency: "traces" }, cause };
  if (cause instanceof Unusable) return new Refusal("DEPENDENCY_UNAVAILABLE", cause.message, details);
  const message = "the tracing system does not answer; call again";
  return new Refusal("DEPENDENCY_UNAVAILABLE", message, { ...details, retryAfterMs: 1_000 });
}

/** The call that Jaeger's own page makes. Grafana makes it too. */
async function readJaeger(url: string, traceId: string, patienceMs: number): Promise<readonly Span[]> {
  const answer = await fetch(`${url}/api/traces/${traceId}`, {
    headers: { accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(patienceMs),
  });
  if (!answer.ok || answer.body === null) {
    await answer.body?.cancel();
    if (answer.status === 404) return [];
    throw new Error(`Jaeger answered with status ${answer.status}`);
  }
  const cutter = createSpanCutter();
  const decoder = new TextDecoder();
  const spans: JaegerSpan[] = [];
  const add = (text: string): void => {
    for (const span of cutter.push(text)) spans.push(lightSpan(JSON.parse(span)));
  };
  let bytes = 0;
  try {
    for await (const chunk of answer.body) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BYTES) throw new Unusable(`the trace is larger than ${MAX_BYTES / 1024 / 1024} MiB`);
      add(decoder.decode(chunk, { stream: true }));
      if (spans.length > MOST_SPANS) throw new Unusable(`the trace has more than ${MOST_SPANS} spans`);
    }
    const { data }: JaegerAnswer = JSON.parse(cutter.rest());
    return (data ?? []).flatMap(({ processes = {} }) => spansOfJaeger({ data: [{ spans, processes }] }));
  } catch (cause) {
    // The body of an answer breaks off with this error of fetch: an outage, and not a wrong address.
    const broken = cause instanceof TypeError && cause.message === "terminated";
    if (broken || !(cause instanceof SyntaxError || cause instanceof TypeError)) throw cause;
    throw new Unusable("what CCSP_GATEWAY_TRACES_URL names does not answer as Jaeger's query service", { cause });
  }
}
