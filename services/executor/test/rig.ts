import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { load } from "@ccsp/config";
import { runService, startService } from "@ccsp/lifecycle";
import { createLogger } from "@ccsp/telemetry";
import { CLAUDE_CODE_BIN, eventually, SCRIPTED_ENGINE, type Simulator, startSimulator } from "@ccsp/testkit";
import { loadExecutorService } from "../src/index.js";
import { type FakeQueue, startFakeQueue, type TaskRecord } from "./fake-queue.js";

/** An executor in this process, with a queue that the test controls. */
export interface Rig {
  readonly queue: FakeQueue;
  readonly dir: string;
  /** Resolves to how the task ended. */
  ended(taskId: string): Promise<NonNullable<TaskRecord["ended"]>>;
  /** Begins the stop, as SIGTERM does. Resolves to the exit code. */
  stop(): Promise<number>;
}

/** Unique to this test process: others may run the same tests at the same time. */
export const EXECUTOR_ID = `executor-of-a-test-${process.pid}`;

/** The settings with which tests run an executor. */
export const testEnv = (queuePort: number, dir: string): Record<string, string> => ({
  PATH: process.env["PATH"] ?? "",
  CCSP_QUEUE_TARGET: `127.0.0.1:${queuePort}`,
  CCSP_EXECUTOR_ID: EXECUTOR_ID,
  CCSP_EXECUTOR_DIR: join(dir, "executor"),
  CCSP_EXECUTOR_LISTEN: "127.0.0.1:0",
  CCSP_EXECUTOR_OPS_LISTEN: "127.0.0.1:0",
  CCSP_EXECUTOR_KILL_GRACE: "500ms",
  CCSP_EXECUTOR_DRAIN: "0ms",
  // Tests count processes, so no process may wait for tasks.
  CCSP_EXECUTOR_WARM: "0",
  CCSP_LAME_DUCK: "0ms",
  CCSP_LOG_LEVEL: process.env["CCSP_LOG_LEVEL"] ?? "fatal",
  CCSP_CLAUDE_CODE_BIN: SCRIPTED_ENGINE,
  // The scripted engine is more than one file.
  CCSP_EXECUTOR_SANDBOX_READ: dirname(SCRIPTED_ENGINE),
  // Tests let the scripted engine wait for files, and count its runs in files.
  CCSP_EXECUTOR_SANDBOX_WRITE: dir,
  CCSP_CLAUDE_CODE_API_KEY: "fake-key-of-a-test",
});

/** Starts a queue and an executor for `use`, and closes both after it. */
export async function withRig(env: Record<string, string>, use: (rig: Rig) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "ccsp-executor-test-"));
  const queue = await startFakeQueue();
  const full = { ...testEnv(queue.port, dir), ...env };
  const executorService = await loadExecutorService(full);
  const { config } = load(full, (settings) => executorService.define(settings));
  const stopping = new AbortController();
  const log = createLogger({ name: "executor", level: config.service.logLevel, instance: "test" });
  const exit = runService(log, (context) => startService(executorService, config, context), {
    stop: stopping.signal,
    handleSignals: false,
  });
  const rig: Rig = {
    queue,
    dir,
    ended: (taskId) =>
      eventually(
        () => {
          const { ended } = queue.recordOf(taskId);
          if (!ended) throw new Error("still runs");
          return ended;
        },
        { timeoutMs: 30_000, what: `the end of ${taskId}` },
      ),
    stop() {
      stopping.abort();
      return exit;
    },
  };
  try {
    await Promise.race([
      use(rig),
      exit.then((code) => {
        if (!stopping.signal.aborted) throw new Error(`the executor ended with ${code}`);
        return new Promise<never>(() => {});
      }),
    ]);
  } finally {
    await rig.stop();
    await queue.close();
    await rm(dir, { recursive: true, force: true });
  }
}

/** The result of a completed task. Throws an error that says how the task ended otherwise. */
export async function resultOf(rig: Rig, taskId: string) {
  const ended = await rig.ended(taskId);
  if (ended.how !== "complete") throw new Error(`ended by ${ended.how}: ${JSON.stringify(failureIn(ended))}`);
  const { result } = ended.request;
  if (!result) throw new Error("no result");
  return result;
}

export async function failureOf(rig: Rig, taskId: string) {
  const ended = await rig.ended(taskId);
  const failure = failureIn(ended);
  if (!failure) throw new Error(`ended by ${ended.how}`);
  return failure;
}

const failureIn = (ended: NonNullable<TaskRecord["ended"]>) => (ended.how === "fail" ? ended.request.error : undefined);

/** Executors with the real Claude Code CLI against a simulated model, for one suite, whose hooks it registers. */
export function useSimulatedCli() {
  let started: Simulator | undefined;
  const simulator = (): Simulator => started ?? assert.fail("the simulator has not started");
  before(async () => void (started = await startSimulator()));
  after(() => started?.close());
  afterEach(() => simulator().reset());
  return {
    simulator,
    withCli: (use: (rig: Rig) => Promise<void>, env: Record<string, string> = {}): Promise<void> =>
      withRig(
        {
          CCSP_CLAUDE_CODE_BIN: CLAUDE_CODE_BIN,
          CCSP_CLAUDE_CODE_BASE_URL: simulator().url,
          CCSP_CLAUDE_CODE_MAX_RETRIES: "0",
          ...env,
        },
        use,
      ),
  };
}
