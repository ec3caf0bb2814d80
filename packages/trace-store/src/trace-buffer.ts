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
  droppedSpans: number;
}

/**
 * This part of the traces is kept for the newest of the others, even if all the rest is wanted. The first spans of a
 * task arrive before those by which its trace is known to be wanted.
 */
const OTHERS_PART = 0.1;

/** About what Node needs for a buffer of any size. */
const OVERHEAD_BYTES = 150;

export interface BufferOptions {
  readonly bounds?: TraceBounds;
  /** A trace with such a span is dropped only when few other traces are left to drop. */
  readonly isWanted?: (span: Span) => boolean;
}

/**
 * Keeps the newest traces in memory. A trace is as old as its first span. When the buffer is full, the oldest trace is
 * dropped as a whole, a wanted one last. A trace that is too long loses spans of its middle: its first spans show how
 * the task began, and its last ones are the parents, which end last.
 */
export function createTraceBuffer({ bounds = TRACE_BOUNDS, isWanted = () => false }: BufferOptions = {}): TraceBuffer {
  const traces = createTraces(Math.floor(bounds.traces * OTHERS_PART));
  let bytes = 0;
  let droppedTraces = 0;
  let droppedSpans = 0;

  const dropOldest = (): void => {
    for (const span of traces.takeOldest()?.spans ?? []) bytes -= sizeOf(span);
    droppedTraces += 1;
  };
  const traceOf = (span: Span): Trace => {
    const trace = traces.find(span.traceId) ?? { spans: [], droppedSpans: 0 };
    traces.put(span.traceId, trace, isWanted(span));
    return trace;
  };
  const dropSpan = (trace: Trace): void => {
    trace.droppedSpans += 1;
    droppedSpans += 1;
  };
  const store = (span: Span, trace: Trace): void => {
    const stored = Buffer.from(JSON.stringify(span));
    if (stored.length > bounds.bytesPerSpan) return dropSpan(trace);
    trace.spans.push(stored);
    bytes += sizeOf(stored);
    if (trace.spans.length <= bounds.spansPerTrace) return;
    for (const middle of trace.spans.splice(Math.floor(bounds.spansPerTrace / 2), 1)) bytes -= sizeOf(middle);
    dropSpan(trace);
  };

  return {
    add(spans) {
      for (const span of spans) {
        store(span, traceOf(span));
        // The trace of this span may be the one that is dropped, so the span is counted before.
        while (traces.size() > bounds.traces || bytes > bounds.bytes) dropOldest();
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

/** Traces in the order of arrival. The newest `spared` others are dropped only when no wanted trace is left. */
function createTraces(spared: number) {
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
      const from = others.size > spared || wanted.size === 0 ? others : wanted;
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
