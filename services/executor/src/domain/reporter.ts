import type { EngineEvent } from "@ccsp/engine-kit";
import type { Clock } from "./clock.js";
import { persist } from "./persist.js";
import type { LeaseId, QueuePort, Report } from "./queue.js";

/** Text that gathers goes into one report of at most this many UTF-16 units. */
const REPORT_SIZE = 64 * 1024;
/** How long text gathers after a report was answered. The first text after a silence does not wait. */
const GATHER_MS = 50;
/** The engine is not read on while more than this is unanswered. */
const PENDING_SIZE = 4 * REPORT_SIZE;
/** What an event without text counts as. */
const EVENT_SIZE = 64;

/** Writes one attempt's log. */
export interface Reporter {
  /** Says that the engine has started: the attempt's first report. */
  started(started: NonNullable<Report["started"]>): void;
  /** Takes one event, in order. Resolves when there is room for the next; at once when the lease is lost. */
  add(event: EngineEvent): Promise<void>;
  /** Resolves when everything was answered, or when the lease is lost. */
  flushed(): Promise<void>;
}

export interface ReporterOptions {
  readonly queue: Pick<QueuePort, "report">;
  readonly lease: LeaseId;
  readonly clock: Clock;
  /** Aborts when nobody waits for the log any more. */
  readonly signal: AbortSignal;
  /** Called once, when the queue says that the lease is someone else's. */
  readonly onLost: () => void;
}

export function createReporter({ queue, lease, clock, signal, onLost }: ReporterOptions): Reporter {
  let pending: EngineEvent[] = [];
  let unanswered = 0;
  let first: Report["started"];
  let sequence = 0;
  let over = false;
  let sending: Promise<void> | undefined;
  let ending = false;
  let gathering = new AbortController();
  let waiting: (() => void)[] = [];

  const isFull = () => !over && unanswered > PENDING_SIZE;

  async function send(): Promise<void> {
    while (!over && (first !== undefined || pending.length > 0)) {
      const events = takeBatch();
      const report: Report = { sequence: ++sequence, started: first, events };
      first = undefined;
      const answer = await persist((abort) => queue.report(lease, report, abort), { clock, signal });
      unanswered -= sizeOf(events);
      // A report that the queue refuses is a fault of ours; the whole answer may still arrive with the result.
      if (answer === "lost") {
        over = true;
        onLost();
      }
      const resumed = waiting;
      waiting = [];
      for (const resume of resumed) resume();
      if (!over && !ending && sizeOf(pending) < REPORT_SIZE) {
        gathering = new AbortController();
        await clock.wait(GATHER_MS, gathering.signal);
      }
    }
  }

  function start(): void {
    sending ??= send().finally(() => {
      sending = undefined;
      // Something may have come between the last look at `pending` and now.
      if (!over && pending.length > 0) start();
    });
  }

  function push(event: EngineEvent): void {
    const last = pending.at(-1);
    unanswered += sizeOf([event]);
    if (event.type === "text" && last?.type === "text" && canJoin(last, event)) {
      pending[pending.length - 1] = { ...event, text: last.text + event.text };
    } else {
      pending.push(event);
    }
  }

  function takeBatch(): EngineEvent[] {
    let count = 1;
    let size = sizeOf(pending.slice(0, 1));
    for (const event of pending.slice(1)) {
      size += sizeOf([event]);
      if (size > REPORT_SIZE) break;
      count++;
    }
    const batch = pending.slice(0, count);
    pending = pending.slice(count);
    return batch;
  }

  return {
    started(started) {
      first = started;
      start();
    },
    async add(event) {
      if (over) return;
      for (const part of split(event)) push(part);
      if (unanswered >= REPORT_SIZE) gathering.abort();
      start();
      while (isFull()) await new Promise<void>((resume) => waiting.push(resume));
    },
    async flushed() {
      ending = true;
      gathering.abort();
      for (let last = sending; last !== undefined; last = sending) await last;
    },
  };
}

const sizeOf = (events: readonly EngineEvent[]): number =>
  events.reduce((sum, event) => sum + (event.type === "text" ? event.text.length : EVENT_SIZE), 0);

type Text = Extract<EngineEvent, { type: "text" }>;

/** One message only: who reads them could not tell them apart. */
const canJoin = (last: Text, next: Text): boolean =>
  last.message === next.message && last.text.length + next.text.length <= REPORT_SIZE;

/** Cuts text that is too long for one report, between characters. */
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
