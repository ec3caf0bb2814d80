// For `ccsp`: the calls of an agent with messages of the protocol in place of plain results. It is not packed.
export { toRunEntry } from "./client.js";
export type { RunEntry } from "./follow.js";
export { createMessageClient, type MessageClient } from "./message-client.js";
export { toTask } from "./task.js";
export { toTaskEvent } from "./task-event.js";
export { PRIORITIES } from "./task-input.js";
export { toTaskResult } from "./task-result.js";
export { categoryName } from "./words.js";
