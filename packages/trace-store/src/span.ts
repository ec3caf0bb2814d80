/**
 * Sorts by start. If two spans started at the same moment, the longer one comes first, because it may be the parent.
 */
export function byStart(a: Span, b: Span): number {
  return a.startMs - b.startMs || b.endMs - a.endMs;
}

export type SpanKind = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";

/** A span as a collector stores it. Ids are lower-case hex. Times are milliseconds since the epoch, with fractions. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root span. */
  readonly parentSpanId: string;
  /** The `service.name` of the process that sent the span. */
  readonly service: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  /** 64-bit integers are numbers. Bytes are base64. */
  readonly attributes: Readonly<Record<string, unknown>>;
  /** Absent: there are none. */
  readonly events?: readonly {
    readonly name: string;
    readonly timeMs: number;
    readonly attributes: Readonly<Record<string, unknown>>;
  }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** The status message (or "error") if the span ended with an error. */
  readonly error?: string;
}
