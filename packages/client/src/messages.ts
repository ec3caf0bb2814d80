// For `ccsp`: the calls of an agent with messages of the protocol in place of plain results. It is not packed.
export type { RunEntry } from "./follow.js";
export { createMessageClient, type MessageClient } from "./message-client.js";
