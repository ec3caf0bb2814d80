// For `ccsp`: the calls of an agent with messages of the protocol in place of plain results. The packed SDK
// does not have it.
export type { RunEntry } from "./follow.js";
export { createMessageClient, type MessageClient } from "./message-client.js";
