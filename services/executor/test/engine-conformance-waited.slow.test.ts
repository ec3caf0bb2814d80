import assert from "node:assert/strict";
import type { RunOptions } from "@ccsp/engine-kit";
import type { SupervisorNeeds } from "@ccsp/engine-kit/conformance";
import { describeEngine } from "@ccsp/engine-kit/conformance";
import { eventually } from "@ccsp/testkit";
import { readStat } from "../src/supervision/proc.js";
import { launcherFor, realCli } from "./real-cli-rig.js";

/** Every process waits before it gets its input, as the processes of the pool do. */
const waitingSupervisor = (needs: SupervisorNeeds) => {
  const launcher = launcherFor(needs);
  const start = async (options: RunOptions) => {
    const run = { ...options, engine: "claude-code" };
    if (run.warmKey === undefined) return (await launcher.launch(run)).use(run, { waited: false });
    const process = await launcher.launch({ ...run, workingFolder: undefined, traceparent: "" });
    await untilIdle(process.pid);
    return process.use(run, { waited: true });
  };
  return { start, close: () => launcher.close() };
};

/** Resolves when the process uses no more processor time. */
async function untilIdle(pid: number): Promise<void> {
  let before = -1;
  await eventually(() => {
    const now = readStat(pid)?.cpuMs ?? 0;
    const grew = now - before;
    before = now;
    assert.ok(now > 100 && grew === 0, `${now} ms`);
  });
}

describeEngine("claude-code, the real CLI in waiting processes", {
  ...realCli,
  createSupervisor: waitingSupervisor,
});
