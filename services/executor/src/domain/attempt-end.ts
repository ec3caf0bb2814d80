import { knownCost, type RunFailure, type RunOutcome, type RunSuccess, runFailure } from "@ccsp/engine-kit";
import type { Ask, Conversations, KeptTurn } from "./conversations.js";
import type { Ending, FailedAttempt, KeptResult, Lease, QueuePort } from "./queue.js";
import { LAST_ENTRIES } from "./reporter.js";
import type { AttemptEnd } from "./trace.js";
import { NOTHING_RAN, UNSTARTED } from "./unstarted.js";

/** Why the executor ends an attempt before its engine ends. */
export type StopCause = "cancel" | "release" | "park" | "kill" | "lost";

/** The causes that give the lease back, and the reason that the task's log shows for each. */
const GIVEN_BACK = { release: "the executor takes no more work", park: "an emergency stop parked it" } as const;

export const isGivenBack = (cause: StopCause): cause is keyof typeof GIVEN_BACK => cause in GIVEN_BACK;

export interface AttemptEndOptions {
  readonly lease: Lease;
  /** The engine's version, used if the run itself does not report one. */
  readonly version: string;
  readonly queue: QueuePort;
  readonly conversations: Conversations;
  readonly ask: Ask;
  /** What the queue could not store of the task's log, one text for people for each. */
  readonly notKept: readonly string[];
  /** Called when nothing is left to do but to tell the queue the end. */
  readonly onDone: () => void;
}

/**
 * Reports to the queue how an attempt ended, and what the queue could not store of it. Resolves to `LOST` if the queue no
 * longer counts the lease as this executor's. Also if the queue fails to store any end: the executor then no longer
 * lists the lease, so the queue takes it back as that of a lost executor.
 */
export class EndReporter {
  readonly #options: AttemptEndOptions;

  constructor(options: AttemptEndOptions) {
    this.#options = options;
  }

  /** `outcome` is undefined if there was no run. `cause` is undefined if the engine ended by itself. */
  async report(outcome: RunOutcome | undefined, cause: Exclude<StopCause, "lost"> | undefined): Promise<AttemptEnd> {
    // A cancel that comes after the work is done changes nothing.
    if (outcome?.ok) return await this.#complete(outcome);
    if (cause !== undefined && isGivenBack(cause)) return await this.#release(GIVEN_BACK[cause]);
    return await this.#fail(failureOf(outcome, cause), outcome);
  }

  /** The same end for a file, while the queue does not answer. Saves the conversation on this disk only. */
  async untold(outcome: RunOutcome | undefined, cause: StopCause | undefined): Promise<Ending> {
    const { lease, conversations } = this.#options;
    if (outcome?.ok) {
      const { counted: _, ...turn } = await conversations.keep(lease, outcome.result, async () => "lost");
      const result = this.#resultOf(outcome, turn, [LAST_ENTRIES]);
      return { how: "complete", engine: lease.engine, result };
    }
    if (cause !== undefined && isGivenBack(cause)) return { how: "release", reason: GIVEN_BACK[cause] };
    return { how: "fail", failed: this.#failed(failureOf(outcome, cause), outcome) };
  }

  async #complete(outcome: RunSuccess): Promise<AttemptEnd> {
    const { lease, queue, conversations, ask, onDone } = this.#options;
    // Saves the conversation before it reports the result: the next turn may start as soon as the queue has the result.
    const { counted, ...turn } = await conversations.keep(lease, outcome.result, ask);
    const result = this.#resultOf(outcome, turn, this.#options.notKept);
    onDone();
    const answer = await ask((signal) => queue.complete(lease, lease.engine, result, signal));
    if (answer === "refused") return await this.#fail(undeliverable);
    if (answer === "broken") return await this.#fail(unstorable);
    if (answer === "lost") return "LOST";
    await counted();
    return "SUCCEEDED";
  }

  #resultOf(
    { result: ran, windows }: RunSuccess,
    turn: Pick<KeptTurn, "conversationId" | "transcriptFault">,
    missing: readonly string[],
  ): KeptResult {
    const { transcriptFault: fault } = turn;
    const notKept = [...missing, ...(fault === "" ? [] : [`the conversation, for other executors: ${fault}`])];
    return { ...ran, engineVersion: ran.engineVersion || this.#options.version, windows, ...turn, notKept };
  }

  async #release(reason: string): Promise<AttemptEnd> {
    const { lease, queue, ask, onDone } = this.#options;
    onDone();
    const answer = await ask((signal) => queue.release(lease, reason, signal));
    return answer === "ok" ? "RELEASED" : "LOST";
  }

  async #fail(failure: RunFailure, outcome?: RunOutcome): Promise<AttemptEnd> {
    const { lease, queue, ask, onDone } = this.#options;
    const failed = this.#failed(failure, outcome);
    onDone();
    const answer = await ask((signal) => queue.fail(lease, failed, signal));
    // Without this failure, the attempt would have no end: the queue would not count it, and would run the task again
    // forever.
    if (answer === "refused" && failure !== undeliverable) return await this.#fail(undeliverable);
    return answer === "ok" ? failure.category : "LOST";
  }

  #failed(failure: RunFailure, outcome?: RunOutcome): FailedAttempt {
    const { usage, costUsd, model } = outcome && !outcome.ok ? outcome : NOTHING_RAN;
    const told = [failure.message, ...this.#options.notKept.map((what) => `not kept: ${what}`)].join("; ");
    const all = { ...failure, message: told };
    return { failure: all, usage, costUsd: knownCost(costUsd, usage), model, windows: outcome?.windows };
  }
}

function failureOf(outcome: RunOutcome | undefined, cause: StopCause | undefined): RunFailure {
  if (cause === "cancel") return cancelled;
  if (cause === "kill") return killed;
  return outcome && !outcome.ok ? outcome.failure : UNSTARTED;
}

const killed = runFailure("CANCELLED", "an emergency stop killed it", { source: "CCSP" });

const cancelled = runFailure("CANCELLED", "the task was cancelled");

// The work is done. Another attempt would do it again and meet the same fault.
const unstorable = runFailure("UNKNOWN_ERROR", "the run succeeded, but the queue could not store its result", {
  source: "CCSP",
  retryable: false,
});

const undeliverable = runFailure("OUTPUT_LIMIT", "the queue refused the result", { source: "CCSP" });
