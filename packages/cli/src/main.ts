import { COMPLETE } from "./completion/scripts.js";
import { processIo } from "./process/process-io.js";
import { runCli } from "./program.js";

process.exitCode = await runCli(process.argv.slice(2), processIo());
// A shell waits for the end of the process. A call that was given up would keep it alive.
if (process.argv[2] === COMPLETE) process.exit();
