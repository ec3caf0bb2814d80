import { access, constants, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, load } from "@ccsp/config";
import type { ExecutorConfig } from "@ccsp/executor";
import type { ExecutorState } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import { messageOf } from "../process/exit.js";
import { type Found, fail, ok, skip, warn } from "./finding.js";
import type { Installation } from "./installation.js";
import type { Site } from "./site.js";

/** Whether runs are confined: on this host by a try, elsewhere by what executors say of themselves. */
export async function checkSandbox(site: Site, installation: Promise<Installation>): Promise<readonly Found[]> {
  const { executors } = await installation;
  const told = "why" in executors ? [] : executors.value.executors;
  if (told.length > 0) return [...told.flatMap(judgeExecutor), ...(await checkCgroup(site.env))];
  if (!site.hasExecutors) return [skip("sandbox", "no executor says it, and none is on this host")];
  return [await tryHere(site), ...(await checkCgroup(site.env))];
}

const MEND = "install bubblewrap and socat, and allow user namespaces (docs/sandbox.md)";
const OPEN = "what a task executes can do all that the executor's user can";

function judgeExecutor({ executorId, status }: ExecutorState): readonly Found[] {
  const subject = `executor ${executorId}`;
  if (!status?.sandbox) return [];
  const { confined, reason } = status.sandbox;
  return [confined ? ok(subject, "each run has a sandbox") : warn(subject, `no sandbox (${reason}): ${OPEN}`, MEND)];
}

/** The settings of the executor that decide how a sandbox is made. */
const OF_SANDBOX = /^CCSP_EXECUTOR_(SANDBOX|BWRAP|SOCAT|PATH$)/;

/** Runs `true` in a sandbox, as an executor does when it starts. No engine is started. */
async function tryHere({ env }: Site): Promise<Found> {
  const mode = env["CCSP_EXECUTOR_SANDBOX"];
  if (mode === "off") return warn("this host", `CCSP_EXECUTOR_SANDBOX is off: ${OPEN}`, "set it to auto or required");
  const [{ loadExecutorService, openSandbox }, { pino }] = await Promise.all([
    import("@ccsp/executor"),
    import("pino"),
  ]);
  const executor = await loadExecutorService({});
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => OF_SANDBOX.test(name)));
  let config: ExecutorConfig;
  try {
    const values = { ...own, PATH: env["PATH"], CCSP_CLAUDE_CODE_API_KEY: "none" };
    ({ config } = load(values, (settings) => executor.define(settings)));
  } catch (error) {
    if (error instanceof ConfigError) return skip("this host", "its settings have faults: see `settings`");
    throw error;
  }
  const folder = await mkdtemp(join(tmpdir(), "ccsp-doctor-"));
  try {
    const { status, noWorkingFolders } = await openSandbox({
      config: { ...config.sandbox, mode: "auto" },
      searchPath: env["PATH"] ?? "",
      path: config.supervision.path,
      folder,
      temporary: folder,
      log: pino({ level: "silent" }),
    });
    if (status.confined && noWorkingFolders !== undefined) {
      return warn("this host", `each run gets a sandbox, but none a working folder: ${noWorkingFolders}`, MEND);
    }
    if (status.confined) return ok("this host", "each run gets a sandbox");
    const isRequired = mode === "required";
    const judged = isRequired ? fail : warn;
    return judged(
      "this host",
      `no sandbox (${status.reason}): ${isRequired ? "the executor does not start" : OPEN}`,
      MEND,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function checkCgroup(env: Site["env"]): Promise<readonly Found[]> {
  const path = env["CCSP_EXECUTOR_CGROUP"];
  if (!path) return [ok("cgroup", "none is set: the executor itself watches the memory and processes of runs")];
  const subject = `cgroup ${path}`;
  const mend =
    "delegate a control group to the executor's user (Delegate=yes in the unit), or unset CCSP_EXECUTOR_CGROUP";
  try {
    await access(join(path, "cgroup.kill"));
    await access(path, constants.W_OK);
    const controllers = (await readFile(join(path, "cgroup.controllers"), "utf8")).trim().split(" ");
    const missing = ["memory", "pids"].filter((each) => !controllers.includes(each));
    if (missing.length === 0) return [ok(subject, "the kernel limits the memory and processes of runs")];
    return [warn(subject, `it lacks ${missing.join(" and ")}: the executor watches the runs instead`, mend)];
  } catch (error) {
    return [fail(subject, `it cannot be used: ${messageOf(error)}`, mend)];
  }
}
