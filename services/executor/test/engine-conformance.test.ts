import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { RunOptions } from "@ccsp/engine-kit";
import type { EngineRig, SupervisorNeeds } from "@ccsp/engine-kit/conformance";
import { describeEngine } from "@ccsp/engine-kit/conformance";
import { eventually, hugeText, type Simulator, simulatedEngine, startSimulator } from "@ccsp/testkit";
import { pino } from "pino";
import { enginePlugin as claudeCode } from "../src/engines/claude-code/index.js";
import { enginePlugin as command } from "../src/engines/command/index.js";
import { readStat } from "../src/supervision/proc.js";
import { createSupervisor } from "../src/supervision/supervisor.js";

const MB = 1024 * 1024;
const SCRIPT = fileURLToPath(new URL("command-script.mjs", import.meta.url));

const temporary: string[] = [];
/** Beside the runs' folder, in which nothing may be left. */
function temporaryOf(folder: string): string {
  const path = `${folder}-tmp`;
  temporary.push(path);
  return path;
}
after(async () => {
  for (const path of temporary) await rm(path, { recursive: true, force: true });
});

const supervisor = ({ folder, silenceMs }: SupervisorNeeds) =>
  createSupervisor({
    // Of this test process: strays of a same one, run beside it, would be ended.
    executorId: `conformance-test-${process.pid}`,
    bootId: "boot",
    folder,
    temporary: temporaryOf(folder),
    path: "/usr/local/bin:/usr/bin:/bin",
    silenceMs,
    stallMs: 600_000,
    graceMs: 500,
    limits: { memoryBytes: 0, processes: 0 },
    cgroups: undefined,
    setpriv: undefined,
    log: pino({ level: "silent" }),
  });

/** Every process has waited before it gets its input, as those of the pool have. */
const waitingSupervisor = (needs: SupervisorNeeds) => {
  const launcher = supervisor(needs);
  const start = async (run: RunOptions) => {
    if (run.warmKey === undefined) return await launcher.start(run);
    const process = await launcher.launch({ ...run, workingFolder: undefined, traceparent: "" });
    await untilIdle(process.pid);
    return process.use({ ...run, waited: true });
  };
  return { start, close: () => launcher.close() };
};

/** Resolves when the process takes no processor time any more. */
async function untilIdle(pid: number): Promise<void> {
  let before = -1;
  await eventually(() => {
    const now = readStat(pid)?.cpuMs ?? 0;
    const grew = now - before;
    before = now;
    assert.ok(now > 100 && grew === 0, `${now} ms`);
  });
}

let simulator: Simulator;
const realCli: EngineRig = {
  plugin: claudeCode,
  async env() {
    simulator = await startSimulator();
    return { ...simulatedEngine(simulator), CCSP_CLAUDE_CODE_MAX_RETRIES: "0" };
  },
  close: () => simulator.close(),
  createSupervisor: supervisor,
  prompts: {
    answer: (text) => `[[sim:text value="${text}" split=1]]`,
    huge: { prompt: "[[sim:huge bytes=5M]]", text: hugeText(5 * MB) },
    hang: "[[sim:hang]]",
    hangAfterText: '[[sim:text value="one two three four"]] [[sim:hang-mid after=7]]',
    detours: [
      {
        prompt: '[[sim:tool name=Read input={} say="Let me look."]] [[sim:text value="It is not there."]]',
        text: "It is not there.",
      },
      { prompt: '[[sim:text value="half a PONG"]] [[sim:cut after=7 times=1]]', text: "half a PONG" },
    ],
    usage: {
      prompt: "[[sim:usage input=11 output=7 cache-read=3 cache-write=2]]",
      usage: { inputTokens: 11, outputTokens: 7, cacheReadTokens: 3, cacheCreationTokens: 2 },
    },
    failures: [
      { prompt: "[[sim:401]]", category: "SESSION_TIMEOUT" },
      { prompt: "[[sim:429]]", category: "RATE_LIMIT" },
      { prompt: "[[sim:529]]", category: "OVERLOADED" },
      { prompt: "[[sim:too-long]]", category: "CONTEXT_OVERFLOW" },
    ],
  },
};
describeEngine("claude-code, the real CLI", realCli);
describeEngine("claude-code, the real CLI in processes that waited", {
  ...realCli,
  createSupervisor: waitingSupervisor,
});

const rig: EngineRig = {
  plugin: command,
  env: async () => ({
    CCSP_COMMAND_ENGINE_LINE: JSON.stringify([process.execPath, SCRIPT]),
    CCSP_COMMAND_ENGINE_VERSION_LINE: JSON.stringify([process.execPath, "--version"]),
  }),
  prompts: {
    answer: (text) => `answer ${text}`,
    huge: { prompt: `huge ${5 * MB}`, text: "0123456789abcdef".repeat((5 * MB) / 16) },
    hang: "hang",
    hangAfterText: "hang-after-text",
    failures: [
      { prompt: "fail", category: "ENGINE_CRASH" },
      { prompt: "say-nothing", category: "NO_WORK_DONE" },
    ],
  },
};
describeEngine("command, with a script", { ...rig, createSupervisor: supervisor });
// As an engine package of its own is tested, where the executor's supervisor is not at hand.
describeEngine("command, with the kit's plain supervisor", rig);
