/** What a program needs that only calls services. It loads no server, so it starts faster, and a bundle stays small. */
export { CallError } from "../wire/call-error.js";
export { channelTls, type ExpectedServer, PLAIN } from "../wire/credentials.js";
export type { ServiceShape } from "../wire/service-shape.js";
/** For a double of a service, in tests. */
export { encodeRefusal } from "../wire/status-details.js";
export type { Tls } from "../wire/tls.js";
export { readTlsFolder } from "../wire/tls-folder.js";
export { type CallOptions, type Client, type ClientOptions, type Connection, createClient } from "./client.js";
export { connectionFault, neverConnected, whyUnreachable } from "./why-unreachable.js";
