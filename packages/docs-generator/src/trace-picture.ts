// `make docs-picture`: writes docs/trace.svg, the trace of a task that really ran. It starts a fleet with a simulated
// model in a folder of its own. The agent is paused for a moment, so that the picture has a slow start.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./blocks.js";
import { terminal } from "./terminal-svg.js";

const COLUMNS = 100;

const home = await mkdtemp(join(tmpdir(), "ccsp-picture-"));
const env = {
  PATH: [join(ROOT, ".tools/bin"), process.env["PATH"]].join(delimiter),
  HOME: home,
  USER: "ada",
  COLUMNS: String(COLUMNS),
  CCSP_STATE_DIR: join(home, "state"),
  // A process that waits would hide how long the CLI takes to start.
  CCSP_EXECUTOR_WARM: "0",
};
const ccsp = async (...args: readonly string[]) => (await promisify(execFile)("ccsp", args, { env })).stdout.trim();

try {
  await ccsp("up", "--detach", "--simulator", "--ports", "free");
  await ccsp("pause", "agent/ada", "--why", "lunch", "--for", "6s");
  await ccsp("run", "Say hello");
  const task = await ccsp("list", "-o", "name");
  const lines = ["$ ccsp trace $task", ...(await ccsp("trace", task)).split("\n")];
  await writeFile(join(ROOT, "docs/trace.svg"), terminal(lines, COLUMNS));
  console.log(lines.join("\n"));
} finally {
  await ccsp("down").catch(() => {});
  await rm(home, { recursive: true, force: true });
}
