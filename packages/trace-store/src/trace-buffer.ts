import type { Span } from "./span.js";

/** What a buffer keeps at most. */
export interface TraceBounds {
  readonly traces: number;
  readonly spansPerTrace: number;
  /** All spans together, as stored. */
  readonly bytes: number;
  readonly bytesPerSpan: number;
}

const TRACE_BOUNDS: TraceBounds = {
  traces: 1_000,
  spansPerTrace: 2_000,
  bytes: 32 * 1024 * 1024,
  bytesPerSpan: 64 * 1024,
};

/** What a buffer has, and what it has dropped since it was created. */
export interface BufferCounts {
  readonly traces: number;
  readonly bytes: number;
  readonly droppedTraces: number;
  readonly droppedSpans: number;
}

export interface StoredTrace {
  readonly spans: readonly Span[];
  /** Spans of this trace that were dropped: the trace was too long, or the span too large. */
  readonly droppedSpans: number;
}

export interface TraceBuffer {
  add(spans: Iterable<Span>): void;
  /** Undefined when the buffer has nothing of this trace. */
  find(traceId: string): StoredTrace | undefined;
  counts(): BufferCounts;
}

interface Trace {
  /** Each span as JSON text. Buffers have an exact size, and the garbage collector does not walk through them. */
  readonly spans: Buffer[];
  bytes: number;
  droppedSpans: number;
}

/** About what Node needs for a buffer of any size. */
const OVERHEAD_BYTES = 150;

export interface BufferOptions {
  readonly bounds?: TraceBounds;
  /** A trace with such a span is dropped only when no other trace is left to drop. */
  readonly isWanted?: (span: Span) => boolean;
}

/**
 * Keeps the newest traces in memory. A trace is as old as its first span. When the buffer is full, the oldest trace is
 * dropped as a whole, a wanted one last. A trace that is too long loses spans of its middle: its first spans show how
 * the task began, and its last ones are the parents, which end last.
 */
export function createTraceBuffer({ bounds = TRACE_BOUNDS, isWanted = () => false }: BufferOptions = {}): TraceBuffer {
  const traces = createTraces();
  let bytes = 0;
  let droppedTraces = 0;
  let droppedSpans = 0;

  const dropOldest = (): void => {
    bytes -= traces.takeOldest()?.bytes ?? 0;
    droppedTraces += 1;
  };
  const traceOf = (span: Span): Trace => {
    const trace = traces.find(span.traceId) ?? { spans: [], bytes: 0, droppedSpans: 0 };
    traces.put(span.traceId, trace, isWanted(span));
    if (traces.size() > bounds.traces) dropOldest();
    return trace;
  };
  const dropSpan = (trace: Trace, span?: Buffer): void => {
    trace.droppedSpans += 1;
    droppedSpans += 1;
    if (span) resize(trace, -sizeOf(span));
  };
  const resize = (trace: Trace, change: number): void => {
    trace.bytes += change;
    bytes += change;
  };

  return {
    add(spans) {
      for (const span of spans) {
        const trace = traceOf(span);
        const stored = Buffer.from(JSON.stringify(span));
        if (stored.length > bounds.bytesPerSpan) {
          dropSpan(trace);
          continue;
        }
        trace.spans.push(stored);
        resize(trace, sizeOf(stored));
        if (trace.spans.length > bounds.spansPerTrace) {
          dropSpan(trace, trace.spans.splice(Math.floor(bounds.spansPerTrace / 2), 1)[0]);
        }
        while (bytes > bounds.bytes) dropOldest();
      }
    },
    find(traceId) {
      const trace = traces.find(traceId);
      if (!trace) return undefined;
      return { spans: trace.spans.map(parse), droppedSpans: trace.droppedSpans };
    },
    counts: () => ({ traces: traces.size(), bytes, droppedTraces, droppedSpans }),
  };
}

/** Traces in the order of arrival. */
function createTraces() {
  const wanted = new Map<string, Trace>();
  const others = new Map<string, Trace>();
  return {
    size: () => wanted.size + others.size,
    find: (id: string) => wanted.get(id) ?? others.get(id),
    /** A trace that was wanted once stays so. */
    put(id: string, trace: Trace, isWanted: boolean): void {
      if (wanted.has(id)) return;
      if (isWanted) others.delete(id);
      (isWanted ? wanted : others).set(id, trace);
    },
    takeOldest(): Trace | undefined {
      const from = others.size > 0 ? others : wanted;
      const [oldest] = from;
      if (oldest) from.delete(oldest[0]);
      return oldest?.[1];
    },
  };
}

const sizeOf = (span: Buffer): number => span.length + OVERHEAD_BYTES;

function parse(stored: Buffer): Span {
  const span: Span = JSON.parse(stored.toString());
  return span;
}
