export { type Backoff, backoffMs } from "./backoff.js";
export { inTurn } from "./in-turn.js";
export { pause } from "./pause.js";
export { type Timer, within } from "./within.js";
