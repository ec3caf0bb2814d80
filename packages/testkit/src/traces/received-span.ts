/** By start; of spans that started in the same moment the longer one, which may be the parent, goes first. */
export function byStart(a: ReceivedSpan, b: ReceivedSpan): number {
  return a.startMs - b.startMs || b.endMs - a.endMs;
}

export type SpanKind = "unspecified" | "internal" | "server" | "client" | "producer" | "consumer";

/** A span as a collector would keep it. Ids are lower-case hex; times are milliseconds since the epoch, with fractions. */
export interface ReceivedSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  /** `service.name` of the process that sent it. */
  readonly service: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  /** 64-bit integers come as numbers; bytes as base64. */
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  /** The status message (or "error") of a span that ended with an error. */
  readonly error?: string;
}
