import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { eventually } from "@ccsp/testkit";
import { openRest, openSubscriber } from "./http-load.js";
import type { HttpAccess, Installation } from "./installation.js";

const CALLERS = 8;
const REST_CALLERS = 4;
/** Each is answered by another service. */
const READS = ["/queue/status", "/executors", "/alerts", "/notifications", "/usage"];
/** Calls of each kind that must end after a service was replaced, before the next one is. */
const NEXT_CALLS = 40;
const NEXT_MS = 120_000;
const HOUR_MS = 60 * 60 * 1000;
/** After each task of a caller of REST: a gateway that refuses at once would be asked without a pause. */
const BETWEEN_MS = 50;

/** Calls of the SDK, and of REST where it can be reached, that go on while services are replaced. */
export interface Load {
  readonly count: number;
  readonly failures: readonly string[];
  /** Waits for calls that begin now. Rejects if they do not end within two minutes. */
  proceeds(): Promise<void>;
  /**
   * Adds a failure if the reader of the WebSocket has an event twice, or, with `published`, not each. Says how often it
   * resumed.
   */
  stop(): Promise<string | undefined>;
}

/**
 * Starts callers. Each does what agents do, one call after the other: it submits a task, reads it, and runs it to its
 * end. Without `runsTasks` it cancels the task instead, which has a start time in an hour, so that no run is paid for.
 * With `http`, callers of REST do the latter too, and a reader follows all tasks over the WebSocket.
 */
export async function startLoad({
  client,
  runsTasks,
  http,
}: Pick<Installation, "client" | "runsTasks" | "http">): Promise<Load> {
  const failures: string[] = [];
  const stopping = new AbortController();
  const soon = () => new Date(Date.now() + HOUR_MS);
  const counts = { sdk: 0, rest: 0 };
  const callBy =
    (kind: keyof typeof counts) =>
    async <T>(name: string, make: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await make();
      } catch (error) {
        failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      } finally {
        counts[kind] += 1;
      }
    };
  const call = callBy("sdk");
  const run = async (): Promise<string> => {
    const { taskId, ended } = await collect(client.run({ prompt: "short [[delay:50]]" }));
    assert.equal(ended.state, "SUCCEEDED", `${taskId} ended as ${ended.state}`);
    return taskId;
  };
  const submit = async (): Promise<string> => {
    const { id } = await client.submit({ prompt: "a task of a rolling restart", startTime: soon() });
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
  const over = http && (await startHttp(http, { failures, stopping: stopping.signal, call: callBy("rest"), soon }));
  const callers = Array.from({ length: CALLERS }, caller);
  return {
    get count() {
      return counts.sdk + counts.rest;
    },
    failures,
    async proceeds() {
      const { sdk, rest } = counts;
      const what = `${NEXT_CALLS} calls to end; do they hang?`;
      await eventually(() => assert.ok(counts.sdk >= sdk + NEXT_CALLS && (!http || counts.rest >= rest + NEXT_CALLS)), {
        timeoutMs: NEXT_MS,
        what,
      });
    },
    async stop() {
      stopping.abort();
      await Promise.all(callers);
      return over?.();
    },
  };
}

interface HttpLoad {
  readonly failures: string[];
  readonly stopping: AbortSignal;
  readonly call: <T>(name: string, make: () => Promise<T>) => Promise<T | undefined>;
  readonly soon: () => Date;
}

/** Resolves when the reader follows. The result waits for the end of all callers, and looks at what the reader has. */
async function startHttp(
  http: HttpAccess,
  { failures, stopping, call, soon }: HttpLoad,
): Promise<() => Promise<string>> {
  const rest = openRest(http);
  const reader = openSubscriber(rest, http, (fault) => failures.push(fault));
  const close = async (): Promise<void> => {
    await reader.close();
    await rest.close();
  };
  const before = new Set<string>();
  try {
    await eventually(() => assert.ok(reader.resumes >= 0), { timeoutMs: NEXT_MS, what: "the subscription" });
    for (const event of (await http.published?.()) ?? []) before.add(event);
  } catch (error) {
    await close();
    throw error;
  }
  const submit = async (): Promise<string> => {
    const body = { spec: { prompt: "a task of a rolling restart", startTime: soon() } };
    const { task }: { task: { id: string } } = Object(await rest.ask("POST", "/tasks", body, randomUUID()));
    return task.id;
  };
  const caller = async (_: unknown, first: number): Promise<void> => {
    for (let at = first; !stopping.aborted; at += 1) {
      const read = READS[at % READS.length] ?? "";
      const id = await call("REST", submit);
      await call("REST", () => rest.ask("GET", read));
      if (id !== undefined) {
        await call("REST", () => rest.ask("GET", `/tasks/${id}`));
        await call("REST", () => rest.ask("POST", `/tasks/${id}/cancel`));
      }
      await pause(BETWEEN_MS);
    }
  };
  const callers = Array.from({ length: REST_CALLERS }, caller);
  const byTask = (events: readonly string[]) =>
    events.filter((each) => !before.has(each)).toSorted((a, b) => compare(a.split(" ")[0], b.split(" ")[0]));
  return async () => {
    await Promise.all(callers);
    try {
      const repeated = reader.events.length - new Set(reader.events).size;
      assert.equal(repeated, 0, `${repeated} events came twice`);
      await eventually(
        async () => http.published && assert.deepEqual(byTask(reader.events), byTask(await http.published())),
      );
    } catch (error) {
      failures.push(`WebSocket: ${error instanceof Error ? error.message : String(error)}`);
    }
    await close();
    return `the WebSocket resumed ${reader.resumes} times and got ${reader.events.length} events`;
  };
}

const compare = (a = "", b = ""): number => (a < b ? -1 : a > b ? 1 : 0);
