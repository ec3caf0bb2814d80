import { Refusal } from "@ccsp/errors";
import { CallError, type CallOptions } from "@ccsp/grpc-kit";
import type { GetRunResponse } from "@ccsp/protos/ccsp/executor/v1/executor_service.js";
import type { ExecutorState } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { ExecutorSummary } from "@ccsp/protos/ccsp/queue/v1/executor.js";
import type { QueueClient } from "../upstream/task-watch.js";
import type { ExecutorClient, ExecutorPool } from "./pool.js";

/** An executor that is gone must not make people wait. */
const ANSWER_MS = 3_000;

export interface ExecutorsOptions {
  readonly queue: Pick<QueueClient, "getStatus">;
  readonly pool: Pick<ExecutorPool, "hold">;
}

/** An executor that runs a certain task. */
export interface FoundRun {
  readonly executorId: string;
  readonly run: GetRunResponse;
}

/**
 * The executors that the queue knows. Each of them tells the queue with its Sync where it serves, so nothing else has
 * to find them.
 */
export class Executors {
  readonly #queue: ExecutorsOptions["queue"];
  readonly #pool: ExecutorsOptions["pool"];

  constructor({ queue, pool }: ExecutorsOptions) {
    this.#queue = queue;
    this.#pool = pool;
  }

  /** Asks all of them at the same time. One that does not answer is in the list with its fault. */
  async list(options: CallOptions): Promise<ExecutorState[]> {
    const known = await this.#known(options);
    const asked = known.map(async ({ executorId, address }): Promise<ExecutorState> => {
      try {
        const status = await this.#ask(known, executorId, (client) => ownStatus(client, executorId, options));
        return { executorId, address, status, error: "" };
      } catch (error) {
        if (options.signal?.aborted) throw error;
        return {
          executorId,
          address,
          status: undefined,
          error: error instanceof Error ? error.message : String(error),
        };
      }
    });
    return (await Promise.all(asked)).toSorted((a, b) => (a.executorId < b.executorId ? -1 : 1));
  }

  /**
   * Calls the executor of this id. Refuses when the queue does not know it or does not know where it serves, and when
   * another executor answers there.
   */
  async call<T>(executorId: string, options: CallOptions, work: (client: ExecutorClient) => Promise<T>): Promise<T> {
    return this.#ask(await this.#known(options), executorId, async (client) => {
      await ownStatus(client, executorId, options);
      return work(client);
    });
  }

  /** The same for a stream, without the last check. */
  async *stream<T>(
    executorId: string,
    options: CallOptions,
    work: (client: ExecutorClient) => AsyncIterable<T>,
  ): AsyncGenerator<T, void> {
    const { client, release } = this.#hold(await this.#known(options), executorId);
    try {
      yield* work(client);
    } finally {
      release();
    }
  }

  /** Asks all executors for the run of a task, and returns the first answer that has it. */
  async findRun(taskId: string, options: CallOptions): Promise<FoundRun> {
    const known = await this.#known(options);
    const asked = known.map(async ({ executorId }) => {
      const run = await this.#ask(known, executorId, (client) => client.getRun({ taskId }, soon(options)));
      return { executorId, run };
    });
    try {
      return await Promise.any(asked);
    } catch (error) {
      const faults: unknown[] = error instanceof AggregateError ? error.errors : [error];
      // An executor that did not answer may be the one that has the run.
      const silent = faults.find((fault) => !(fault instanceof CallError && fault.reason === "RUN_NOT_FOUND"));
      throw silent ?? new Refusal("RUN_NOT_FOUND", "no executor runs this task now");
    }
  }

  async #known(options: CallOptions): Promise<readonly ExecutorSummary[]> {
    return (await this.#queue.getStatus({}, options)).executors;
  }

  async #ask<T>(
    known: readonly ExecutorSummary[],
    executorId: string,
    work: (client: ExecutorClient) => Promise<T>,
  ): Promise<T> {
    const { client, release } = this.#hold(known, executorId);
    try {
      return await work(client);
    } finally {
      release();
    }
  }

  #hold(known: readonly ExecutorSummary[], executorId: string) {
    const found = known.find((each) => each.executorId === executorId);
    if (!found) throw new Refusal("EXECUTOR_NOT_FOUND", notFound(known));
    if (found.address !== "") return this.#pool.hold(found.address);
    throw new Refusal(
      "DEPENDENCY_UNAVAILABLE",
      `executor ${executorId} has not said where it serves: it is of an earlier release`,
      { metadata: { dependency: "executor" } },
    );
  }
}

/** The queue may still know an executor that is gone, and another one may have got its address. */
async function ownStatus(client: ExecutorClient, executorId: string, options: CallOptions) {
  const status = await client.getExecutorStatus({}, soon(options));
  if (status.executorId === executorId) return status;
  throw new Refusal("DEPENDENCY_UNAVAILABLE", `executor ${executorId} is gone: another one answers at its address`, {
    metadata: { dependency: "executor" },
  });
}

const notFound = (known: readonly ExecutorSummary[]): string =>
  `the queue knows no executor of this id; there is ${known.map(({ executorId }) => executorId).join(", ") || "none"}`;

/** A caller's earlier deadline stays. */
const soon = (options: CallOptions): CallOptions => ({ ...options, timeoutMs: ANSWER_MS });
