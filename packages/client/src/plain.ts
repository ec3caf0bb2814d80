// For `ccsp`: plain results of messages, and words. It loads no gRPC. The packed SDK does not have it.
export { toRunEvent } from "./run-event.js";
export { toRunEntry, toRunEvents } from "./run-events.js";
export { toTask } from "./task.js";
export { toTaskEvent } from "./task-event.js";
export { toTaskResult } from "./task-result.js";
export { categoryName, PERMISSION_MODES, PRIORITIES } from "./words.js";
