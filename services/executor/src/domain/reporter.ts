import type { EngineEvent } from "@ccsp/engine-kit";
import type { Clock } from "./clock.js";
import { MOST_FAULTS, persist } from "./persist.js";
import type { LeaseId, QueuePort, Report } from "./queue.js";
import type { Reported } from "./trace.js";
import { createUsagePace, type UsagePace } from "./usage-pace.js";

/** A report has at most this many UTF-16 code units of collected text. */
const REPORT_SIZE = 64 * 1024;
/**
 * How long text is collected after the queue has answered a report. The first text after a pause is sent immediately.
 */
const GATHER_MS = 50;
/** Backpressure: the executor stops reading the engine while more than this is unanswered. */
const PENDING_SIZE = 4 * REPORT_SIZE;
/** The size that an event without text counts as. */
const EVENT_SIZE = 64;

/** What a result says if the queue may lack the end of its log. */
export const LAST_ENTRIES = "the last entries of the task's log, if the queue lacks them";

export interface ReporterOptions {
  readonly queue: Pick<QueuePort, "report">;
  readonly lease: LeaseId;
  readonly clock: Clock;
  /** Aborts when no caller waits for the log any more. */
  readonly signal: AbortSignal;
  /** Aborts when the run is being ended. Its events are then read without a wait for the queue. */
  readonly unwanted?: AbortSignal;
  /** Called once, when the queue says that another executor has the lease. */
  readonly onLost: () => void;
}

/** Writes one attempt's log. */
export class Reporter {
  readonly #options: ReporterOptions;
  readonly #usage: UsagePace;
  #pending: EngineEvent[] = [];
  #unanswered = 0;
  #first: Report["started"];
  #sequence = 0;
  #over = false;
  #cutOff = false;
  #dropped = 0;
  #bytes = 0;
  #faulty = false;
  #sending: Promise<void> | undefined;
  #ending = false;
  #gathering = new AbortController();
  #waiting: (() => void)[] = [];

  constructor(options: ReporterOptions) {
    this.#options = options;
    options.unwanted?.addEventListener("abort", () => this.#resume(), { once: true });
    this.#usage = createUsagePace(options.clock, (event) => this.#queue(event));
  }

  /** How often and how much text was sent to the queue. */
  get reported(): Reported {
    return { calls: this.#sequence, bytes: this.#bytes };
  }

  /** What is missing in the log, one text for people for each. */
  get notKept(): readonly string[] {
    const dropped = this.#dropped === 0 ? [] : [`${this.#dropped} entries of the task's log`];
    // The queue takes a result also after the end of its lease, but no report.
    return this.#cutOff ? [...dropped, LAST_ENTRIES] : dropped;
  }

  /** Reports that the engine has started. This is the attempt's first report. */
  started(started: NonNullable<Report["started"]>): void {
    this.#first = started;
    this.#start();
  }

  /**
   * Takes one event, in order. Resolves when the reporter can take the next event, or immediately if the lease is lost.
   */
  async add(event: EngineEvent): Promise<void> {
    if (event.type === "usage") return this.#usage.add(event);
    this.#queue(event);
    if (this.#unanswered >= REPORT_SIZE) this.#gathering.abort();
    while (!this.#over && !this.#options.unwanted?.aborted && this.#unanswered > PENDING_SIZE) {
      await new Promise<void>((resume) => this.#waiting.push(resume));
    }
  }

  /** Resolves when the queue has answered or failed to store everything, or when the lease is lost. */
  async flushed(): Promise<void> {
    this.#ending = true;
    this.#usage.flush();
    this.#gathering.abort();
    for (let last = this.#sending; last !== undefined; last = this.#sending) await last;
  }

  #queue(event: EngineEvent): void {
    if (this.#over) {
      this.#cutOff = true;
      return;
    }
    for (const part of split(event)) this.#push(part);
    this.#start();
  }

  #start(): void {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
      // An event may have come after the last check of what is pending.
      if (!this.#over && this.#pending.length > 0) this.#start();
    });
  }

  async #send(): Promise<void> {
    while (!this.#over && (this.#first !== undefined || this.#pending.length > 0)) {
      await this.#sendBatch();
      if (!this.#over && !this.#ending && sizeOf(this.#pending) < REPORT_SIZE) {
        this.#gathering = new AbortController();
        await this.#options.clock.wait(GATHER_MS, this.#gathering.signal);
      }
    }
  }

  async #sendBatch(): Promise<void> {
    const { queue, lease, clock, signal, onLost } = this.#options;
    const events = this.#takeBatch();
    const report: Report = { sequence: ++this.#sequence, started: this.#first, events };
    this.#first = undefined;
    for (const event of events) if (event.type === "text") this.#bytes += Buffer.byteLength(event.text);
    // A report after one that could not be stored is tried once: there may be many.
    const mostFaults = this.#faulty ? 1 : MOST_FAULTS;
    const answer = await persist((abort) => queue.report(lease, report, abort), { clock, signal, mostFaults });
    this.#unanswered -= sizeOf(events);
    this.#faulty = answer === "broken";
    if (this.#faulty) this.#dropped += events.length;
    // If the queue refuses a report, the executor has a bug. The whole answer may still arrive with the result.
    if (answer === "lost") {
      this.#over = true;
      this.#cutOff = events.length + this.#pending.length > 0;
      onLost();
    }
    this.#resume();
  }

  #resume(): void {
    const resumed = this.#waiting;
    this.#waiting = [];
    for (const resume of resumed) resume();
  }

  #push(event: EngineEvent): void {
    const last = this.#pending.at(-1);
    this.#unanswered += sizeOf([event]);
    if (event.type === "text" && last?.type === "text" && canJoin(last, event)) {
      this.#pending[this.#pending.length - 1] = { ...event, text: last.text + event.text };
    } else {
      this.#pending.push(event);
    }
  }

  #takeBatch(): EngineEvent[] {
    let count = 1;
    let size = sizeOf(this.#pending.slice(0, 1));
    for (const event of this.#pending.slice(1)) {
      size += sizeOf([event]);
      if (size > REPORT_SIZE) break;
      count++;
    }
    return this.#pending.splice(0, count);
  }
}

const sizeOf = (events: readonly EngineEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === "text" ? event.text.length : EVENT_SIZE), 0);

type Text = Extract<EngineEvent, { type: "text" }>;

/** Joins texts of one message only: a reader could not tell the messages apart otherwise. */
const canJoin = (last: Text, next: Text): boolean =>
  last.message === next.message && last.text.length + next.text.length <= REPORT_SIZE;

/** Splits text that is too long for one report, between characters. */
function* split(event: EngineEvent): Generator<EngineEvent> {
  if (event.type !== "text") {
    yield event;
    return;
  }
  let rest = event.text;
  while (rest.length > REPORT_SIZE) {
    const cut = isHighSurrogate(rest.charCodeAt(REPORT_SIZE - 1)) ? REPORT_SIZE - 1 : REPORT_SIZE;
    yield { ...event, text: rest.slice(0, cut) };
    rest = rest.slice(cut);
  }
  if (rest.length > 0) yield { ...event, text: rest };
}

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
