import type { Span, SpanKind } from "./span.js";

/** The export request as the loader decodes it (options `longs: String`, `enums: String`, `oneofs`, `defaults`). */
export interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly WireKeyValue[] } | null;
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  }[];
}

interface WireSpan {
  readonly traceId: Uint8Array;
  readonly spanId: Uint8Array;
  readonly parentSpanId: Uint8Array;
  readonly name: string;
  readonly kind: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly WireKeyValue[];
  readonly events: readonly {
    readonly timeUnixNano: string;
    readonly name: string;
    readonly attributes: readonly WireKeyValue[];
  }[];
  readonly links: readonly { readonly traceId: Uint8Array; readonly spanId: Uint8Array }[];
  readonly status: { readonly message: string; readonly code: string } | null;
}

interface WireKeyValue {
  readonly key: string;
  readonly value: WireValue | null;
}

interface WireValue {
  readonly value?: string;
  readonly stringValue?: string;
  readonly boolValue?: boolean;
  readonly intValue?: string;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly WireValue[] };
  readonly kvlistValue?: { readonly values: readonly WireKeyValue[] };
  readonly bytesValue?: Uint8Array;
}

/** Leaves out spans without valid ids, as OTLP asks. So nobody can fill a store with ids of megabytes. */
export function decodeExport(request: ExportRequest): Span[] {
  return request.resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const name = attributesOf(resource?.attributes ?? [])["service.name"];
    const service = typeof name === "string" ? name : "unknown";
    return scopeSpans.flatMap(({ spans }) => spans.filter(hasIds).map((span) => decodeSpan(span, service)));
  });
}

/** The attributes of each resource in the request. */
export const resourcesIn = (request: ExportRequest): Readonly<Record<string, unknown>>[] =>
  request.resourceSpans.map(({ resource }) => attributesOf(resource?.attributes ?? []));

const hasIds = ({ traceId, spanId }: WireSpan): boolean => traceId.length === 16 && spanId.length === 8;

const KINDS: Readonly<Record<string, SpanKind>> = {
  SPAN_KIND_INTERNAL: "internal",
  SPAN_KIND_SERVER: "server",
  SPAN_KIND_CLIENT: "client",
  SPAN_KIND_PRODUCER: "producer",
  SPAN_KIND_CONSUMER: "consumer",
};

function decodeSpan(span: WireSpan, service: string): Span {
  const failed = span.status?.code === "STATUS_CODE_ERROR";
  return {
    name: span.name,
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    parentSpanId: hex(span.parentSpanId),
    service,
    kind: KINDS[span.kind] ?? "unspecified",
    startMs: milliseconds(span.startTimeUnixNano),
    endMs: milliseconds(span.endTimeUnixNano),
    attributes: attributesOf(span.attributes),
    links: span.links.map((link) => ({ traceId: hex(link.traceId), spanId: hex(link.spanId) })),
    ...(span.events.length > 0 && { events: span.events.map(decodeEvent) }),
    ...(failed ? { error: span.status.message || "error" } : {}),
  };
}

const decodeEvent = ({ name, timeUnixNano, attributes }: WireSpan["events"][number]) => ({
  name,
  timeMs: milliseconds(timeUnixNano),
  attributes: attributesOf(attributes),
});

function attributesOf(pairs: readonly WireKeyValue[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]));
}

/** The field `value` has the name of the field that is set. */
function plain(wire: WireValue | null): unknown {
  if (!wire) return undefined;
  switch (wire.value ?? "") {
    case "intValue":
      return Number(wire.intValue);
    case "arrayValue":
      return wire.arrayValue?.values.map(plain);
    case "kvlistValue":
      return attributesOf(wire.kvlistValue?.values ?? []);
    case "bytesValue":
      return Buffer.from(wire.bytesValue ?? []).toString("base64");
    default:
      return wire.stringValue ?? wire.boolValue ?? wire.doubleValue;
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Keeps microseconds only, because a double cannot hold nanoseconds since the epoch. */
function milliseconds(nanos: string): number {
  return Number(BigInt(nanos) / 1000n) / 1000;
}
