export type { CallContext } from "./call-context.js";
export { CallError } from "./call-error.js";
export { type CallOptions, type Client, type Connection, createClient } from "./client.js";
export { type Handlers, type Implementation, implement, implementSome } from "./handlers.js";
export { sizeOf } from "./read-ahead.js";
export { STATUS_OF } from "./reason-status.js";
export { type GrpcServer, type ServeOptions, type Strangers, serveGrpc } from "./server.js";
export type { ServiceShape } from "./service-shape.js";
export type { Unread } from "./unread.js";
