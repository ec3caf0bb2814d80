import { rm } from "node:fs/promises";
import type { RunOptions } from "@ccsp/engine-kit";
import type { EngineRig, SupervisorNeeds } from "@ccsp/engine-kit/conformance";
import { hugeText, type Simulator, simulatedEngine, startSimulator } from "@ccsp/testkit";
import { pino } from "pino";
import { enginePlugin as claudeCode } from "../src/engines/claude-code/index.js";
import { createSupervisor } from "../src/supervision/supervisor.js";

const MB = 1024 * 1024;

const temporary: string[] = [];
/** A folder beside the folder of the runs: nothing may remain in that one. */
function temporaryOf(folder: string): string {
  const path = `${folder}-tmp`;
  temporary.push(path);
  return path;
}
after(async () => {
  for (const path of temporary) await rm(path, { recursive: true, force: true });
});

/** The executor's own launcher. */
export const launcherFor = ({ folder, silenceMs }: SupervisorNeeds) =>
  createSupervisor({
    // Unique to this test process. Otherwise the same test in another process would end these processes as its own
    // leftovers.
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
    sandbox: undefined,
    broker: undefined,
    log: pino({ level: "silent" }),
  });

/** A supervisor that starts a process for each run. */
export const supervisor = (needs: SupervisorNeeds) => {
  const launcher = launcherFor(needs);
  return {
    start: async (run: RunOptions) =>
      (await launcher.launch({ ...run, engine: "claude-code" })).use(run, { waited: false }),
    close: () => launcher.close(),
  };
};

let simulator: Simulator;
/** What the conformance suite needs to test the real Claude Code CLI. */
export const realCli: EngineRig = {
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
