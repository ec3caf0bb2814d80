export { type FoundTrace, findTrace } from "./lookup.js";
export { otlpService } from "./otlp-service.js";
export { MAX_SOCKET_BYTES, serveTraces, type TraceStore } from "./serve.js";
export { byStart, type Span, type SpanKind } from "./span.js";
export { isOutgoing, shortName, type TraceNode, traceTree } from "./trace-tree.js";
