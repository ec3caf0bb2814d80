import type { Span } from "@ccsp/trace-store";

/** The parts of the answer of `GET /api/traces/{id}` of Jaeger's query service that are read. Each may be missing. */
export interface JaegerAnswer {
  readonly data?:
    | readonly {
        readonly spans?: readonly JaegerSpan[];
        readonly processes?: Readonly<Record<string, { readonly serviceName?: string }>>;
      }[]
    | null;
}

export interface JaegerSpan {
  readonly traceID?: string;
  readonly spanID?: string;
  readonly operationName?: string;
  readonly processID?: string;
  readonly references?: readonly { readonly refType?: string; readonly traceID?: string; readonly spanID?: string }[];
  /** Microseconds since the epoch. */
  readonly startTime?: number;
  /** Microseconds. */
  readonly duration?: number;
  readonly tags?: readonly { readonly key?: string; readonly value?: unknown }[];
}

/** The latest time that a Date can hold. */
const LATEST_MS = 8.64e15;

/** The tags that readers use. A span may have a hundred others. */
const KEPT = new Set(["error", "ccsp.task.id"]);

/** The same span with what is read of it. */
export function lightSpan(span: JaegerSpan): JaegerSpan {
  const { traceID = "", spanID = "", operationName = "", processID = "", references = [], tags = [] } = span;
  const { startTime = Number.NaN, duration = 0 } = span;
  const kept = tags.filter(({ key = "" }) => KEPT.has(key));
  return { traceID, spanID, operationName, processID, references, startTime, duration, tags: kept };
}

/** Decodes an answer of Jaeger, without its logs. Leaves out spans without an id or a time. */
export function spansOfJaeger({ data }: JaegerAnswer): readonly Span[] {
  return (data ?? []).flatMap(({ spans = [], processes = {} }) =>
    spans.flatMap((span) => {
      const { traceID = "", spanID = "", startTime = Number.NaN, duration = 0, references = [], tags = [] } = span;
      const [startMs, endMs] = [startTime / 1_000, (startTime + duration) / 1_000];
      if (spanID === "" || ![startMs, endMs].every((ms) => Math.abs(ms) <= LATEST_MS)) return [];
      const parent = references.find((each) => each.refType === "CHILD_OF" && each.traceID === traceID);
      const failed = tags.some(({ key, value }) => key === "error" && (value === true || value === "true"));
      return {
        name: span.operationName ?? "",
        traceId: traceID,
        spanId: spanID,
        parentSpanId: parent?.spanID ?? "",
        service: processes[span.processID ?? ""]?.serviceName ?? "unknown",
        kind: "unspecified" as const,
        startMs,
        endMs,
        attributes: Object.fromEntries(tags.map(({ key = "", value }) => [key, value])),
        links: [],
        ...(failed && { error: "error" }),
      };
    }),
  );
}
