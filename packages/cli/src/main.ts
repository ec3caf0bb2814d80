import { COMPLETE } from "./completion/scripts.js";
import { processIo } from "./process/process-io.js";
import { runCli } from "./program.js";

// This command runs for long, and what it starts must not wait for a reader of its output.
if (process.argv[2] === "up") (await import("@ccsp/telemetry/standard-streams.js")).replaceStandardStreams();

process.exitCode = await runCli(process.argv.slice(2), processIo());
// A shell waits for the end of the process. A call that was given up would keep it alive.
if (process.argv[2] === COMPLETE) process.exit();
