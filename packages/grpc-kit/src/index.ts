export { type CallMeter, callerAddress, type MeteredCall } from "./bounds/call-meter.js";
export { CallerBounds, type CallerBoundsOptions, callerName } from "./bounds/caller-bounds.js";
export type { CallUnread, Unread } from "./bounds/unread.js";
export { type CallOptions, type Client, type ClientOptions, type Connection, createClient } from "./client/client.js";
export { sizeOf } from "./client/read-on-demand.js";
export type { Admit } from "./server/admission.js";
export { admitBy } from "./server/admit-by.js";
export type { CallContext } from "./server/call-context.js";
export { boundConnections, type ConnectionCounts } from "./server/connections.js";
export { refusalFor } from "./server/failures.js";
export { type Handlers, type Implementation, implement, implementSome } from "./server/handlers.js";
export { type CallCounts, countRefused, type ObserveCall, observeCalls, readCalls } from "./server/metrics.js";
export { pump, SHUTTING_DOWN, SLOW_READER } from "./server/serve-call.js";
export { type ConnectionBounds, type GrpcServer, type ServeOptions, serveGrpc } from "./server/server.js";
export { createStreamWriter, type StreamWriter } from "./server/stream-writer.js";
export { CallError } from "./wire/call-error.js";
export { type Credentials, channelTls, type ExpectedServer, PLAIN, serverTls } from "./wire/credentials.js";
export { STATUS_OF } from "./wire/reason-status.js";
export type { ServiceShape } from "./wire/service-shape.js";
export type { Tls } from "./wire/tls.js";
export {
  expiryTimesOf,
  openTlsFolder,
  readTlsFolder,
  type TlsFolder,
  type TlsFolderOptions,
} from "./wire/tls-folder.js";
export { boundTraceState } from "./wire/trace-state.js";
