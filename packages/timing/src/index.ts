export { type Backoff, backoffMs } from "./backoff.js";
export { pause } from "./pause.js";
export { type Timer, within } from "./within.js";
