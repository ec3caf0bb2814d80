import assert from "node:assert/strict";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { eventually } from "@ccsp/testkit";
import type { LoadClient } from "./installation.js";

const CALLERS = 8;
/** Calls that must end after a service was replaced, before the next one is. */
const NEXT_CALLS = 40;
const NEXT_MS = 120_000;
const HOUR_MS = 60 * 60 * 1000;

/** Calls of the SDK that go on while services are replaced. */
export interface Load {
  readonly count: number;
  readonly failures: readonly string[];
  /** Waits for calls that begin now. Rejects if they do not end within two minutes. */
  proceeds(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts callers. Each does what agents do, one call after the other: it submits a task, reads it, and runs it to its
 * end. Without `runsTasks` it cancels the task instead, which has a start time in an hour, so that no run is paid for.
 */
export function startLoad(client: LoadClient, { runsTasks }: { readonly runsTasks: boolean }): Load {
  const failures: string[] = [];
  let count = 0;
  const stopping = new AbortController();
  const call = async <T>(name: string, make: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await make();
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    } finally {
      count += 1;
    }
  };
  const run = async (): Promise<string> => {
    const { taskId, ended } = await collect(client.run({ prompt: "short [[delay:50]]" }));
    assert.equal(ended.state, "SUCCEEDED", `${taskId} ended as ${ended.state}`);
    return taskId;
  };
  const submit = async (): Promise<string> => {
    const { id } = await client.submit({
      prompt: "a task of a rolling restart",
      startTime: new Date(Date.now() + HOUR_MS),
    });
    return id;
  };
  const caller = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const id = runsTasks ? await call("run", run) : await call("submit", submit);
      if (id === undefined) continue;
      await call("get", () => client.get(id));
      if (!runsTasks) await call("cancel", () => client.cancel(id));
    }
  };
  const callers = Array.from({ length: CALLERS }, caller);
  return {
    get count() {
      return count;
    },
    failures,
    async proceeds() {
      const target = count + NEXT_CALLS;
      const what = `${NEXT_CALLS} calls to end; do they hang?`;
      await eventually(() => assert.ok(count >= target), { timeoutMs: NEXT_MS, what });
    },
    async stop() {
      stopping.abort();
      await Promise.all(callers);
    },
  };
}
