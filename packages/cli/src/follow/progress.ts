import { PermissionError, type RunEvent, type Task } from "@ccsp/client";
import type { MessageClient } from "@ccsp/client/messages";
import { type TerminalLine, terminalLine } from "../output/terminal-line.js";
import { type Io, note } from "../process/io.js";
import type { Clock } from "./clock.js";
import { createRunning, type RunningState } from "./running-state.js";
import { type WaitingWords, waitingLine, waitingWords } from "./waiting-words.js";

/** How long nothing was printed before a line appears, and the time between two lines about a run. */
const QUIET_MS = 1_000;
/** The waits between questions to the queue. The last one repeats. */
const ASK_AGAIN_MS = [1_000, 2_000, 4_000, 5_000];

/**
 * Says on standard error what a task waits for, or how far its run is, while nothing else is printed. On a terminal it
 * is one line that is written again in place. Elsewhere, a line says what the task waits for, once for each cause.
 */
export interface Progress {
  /** Removes the line. To be called before anything else is printed. */
  hide(): void;
  /** Takes an event that was printed, or that has nothing to print. `midLine`: the cursor is behind unfinished text. */
  follow(event: RunEvent, midLine: boolean): void;
  /** Removes the line for good. */
  close(): void;
}

export interface ProgressOptions {
  readonly client: Pick<MessageClient, "explain">;
  readonly clock: Clock;
  /** The task, when the stream does not begin with it. */
  readonly task: Task | undefined;
}

export const NO_PROGRESS: Progress = { hide() {}, follow() {}, close() {} };

export function createProgress(io: Io, options: ProgressOptions): Progress {
  const shown = new ShownProgress(io, options);
  if (options.task) shown.begin(options.task);
  return shown;
}

class ShownProgress implements Progress {
  readonly #io: Io;
  readonly #options: ProgressOptions;
  readonly #line: TerminalLine | undefined;
  readonly #running: RunningState;
  #task: Task | undefined;
  #phase: "waiting" | "running" | "over" = "over";
  #midLine = false;
  #asked = 0;
  #cause: string | undefined;
  /** Ends what was asked for the line. */
  #stop = new AbortController();
  /** Ends what is planned for the line. */
  #forget = () => {};

  constructor(io: Io, options: ProgressOptions) {
    this.#io = io;
    this.#options = options;
    this.#line = terminalLine(io);
    this.#running = createRunning(options.clock);
  }

  begin(task: Task): void {
    this.#task = task;
    this.#running.begin(task);
    if (WAITING.has(task.state)) this.#enter("waiting");
    else if (task.state === "RUNNING") this.#enter("running");
  }

  hide(): void {
    this.#stop.abort();
    this.#forget();
    this.#line?.clear();
  }

  close(): void {
    this.#phase = "over";
    this.hide();
  }

  follow(event: RunEvent, midLine: boolean): void {
    this.#midLine = midLine;
    this.#running.add(event);
    // Nothing was printed, and the line shows it when it is written again.
    if (event.type === "usage") return;
    if (event.type === "accepted") this.begin(event.task);
    else if (event.type === "waiting") this.#enter("waiting");
    else if (event.type === "ended" || event.type === "cancelling") this.close();
    else this.#enter("running");
  }

  #enter(phase: "waiting" | "running"): void {
    if (this.#phase !== phase) this.#cause = undefined;
    this.#asked = 0;
    this.#phase = phase;
    this.hide();
    this.#stop = new AbortController();
    this.#plan(QUIET_MS);
  }

  #plan(ms: number): void {
    const { signal } = this.#stop;
    if (signal.aborted) return;
    this.#forget = this.#options.clock.after(ms, () => void this.#act(signal));
  }

  async #act(signal: AbortSignal): Promise<void> {
    if (this.#phase === "running") {
      if (!this.#line || this.#midLine) return;
      this.#line.draw(this.#running.words(this.#line.width));
      return this.#plan(QUIET_MS);
    }
    const words = await this.#ask(signal);
    if (signal.aborted || words === "never") return;
    if (words) this.#sayWaiting(words);
    this.#plan(ASK_AGAIN_MS[Math.min(this.#asked, ASK_AGAIN_MS.length - 1)] ?? QUIET_MS);
    this.#asked += 1;
  }

  /** Undefined when the queue does not say it now. `never`: it will not say it. */
  async #ask(signal: AbortSignal): Promise<WaitingWords | undefined | "never"> {
    const { client, clock } = this.#options;
    try {
      const explanation = await client.explain(this.#task?.id ?? "", { signal });
      return waitingWords(explanation, this.#task?.spec?.priority ?? "normal", clock.now());
    } catch (error) {
      // The stream of the task reports what is wrong with the connection.
      return error instanceof PermissionError ? "never" : undefined;
    }
  }

  #sayWaiting(words: WaitingWords): void {
    if (this.#line) {
      if (!this.#midLine) this.#line.draw(waitingLine(words, this.#line.width));
    } else if (words.cause !== this.#cause) {
      note(this.#io, waitingLine(words));
    }
    this.#cause = words.cause;
  }
}

const WAITING: ReadonlySet<Task["state"]> = new Set(["QUEUED", "PARKED", "SCHEDULED", "LEASED"]);
