/**
 * Sets up a process of a service: its standard streams, then tracing. Load it before anything else: `node --import
 * @ccsp/telemetry/register.js main.js`. `./start-tracing.ts` says what it does for traces.
 */
import { replaceStandardStreams } from "./standard-streams.js";

replaceStandardStreams();
// Loaded only now: an import of `node:process` reads both streams before any code of its module runs.
await import("./start-tracing.js");
