import { createHash } from "node:crypto";
import { pause, type Timer, within } from "@ccsp/timing";
import type { Logger } from "pino";
import {
  type Channel,
  type ChannelUse,
  DeliveryError,
  type Format,
  type Receipt,
  type Rendered,
} from "../domain/channel.js";
import type { Delivered, Notice } from "../domain/notice.js";
import type { Claim, NoticeStore } from "../domain/notice-store.js";
import { afterFailure, afterSuccess } from "../domain/retry-rules.js";

export type DeliveryOutcome = "ok" | "repeat" | "failed" | "dead";

export interface OpenChannel {
  readonly name: string;
  readonly type: string;
  readonly use: ChannelUse;
  readonly channel: Channel;
  readonly render: (notice: Notice, repeats: number, format: Format, longest?: number) => Rendered;
}

/** What of a notice was not delivered. */
export interface Missed {
  readonly part: "all" | "some";
  readonly why: string;
}

export interface WorkerOptions {
  readonly open: OpenChannel;
  readonly store: NoticeStore;
  /** One line of English for the list of what channels accepted. */
  readonly summary: (notice: Notice, repeats: number) => string;
  readonly now: () => Date;
  readonly giveUpMs: number;
  readonly count: (channel: string, outcome: DeliveryOutcome) => void;
  /** Called when a notice was given up, or a part of it was not delivered, so that people are notified. */
  readonly onMissed: (channel: string, notice: Notice, missed: Missed) => Promise<void>;
  /** Runs the work in a span of the notice's trace. */
  readonly inSpan: <T>(notice: Notice, channel: string, work: () => Promise<T>) => Promise<T>;
  /** Replaces the clock that limits an attempt, for tests. */
  readonly timer?: Timer;
  readonly log: Logger;
}

const MOST_REF = 1_024;
/**
 * A message with which the process dies as often in a row is its cause, for example through a plugin. Deliveries that
 * are in flight at that moment die together with the guilty one, and the death counts for each of them.
 */
const MOST_LOST = 10;
/** How long an attempt may take. */
const ATTEMPT_MS = 15_000;
/**
 * How long a worker has a delivery. If it dies, another one has the delivery after this time and one look: within 30 s.
 */
const LEASE_MS = 22_000;
/** The time between two looks at the queue. Other replicas put notices into it too. */
const LOOK_MS = 1_000;
/** The wait after Redis did not answer. */
const AWAY_MS = 1_000;

export interface Worker {
  /** There may be something to deliver: looks at once. */
  readonly wake: () => void;
  /** Lets the attempts in progress end. */
  close(): Promise<void>;
}

/**
 * Delivers the notices of one channel: those of one incident one after the other, others side by side. Any number of
 * replicas may do so at the same time, and share the work. An attempt that the process does not survive is made again
 * by another one within 30 s, with the same id.
 */
export function startWorker(options: WorkerOptions): Worker {
  const { open, store, log } = options;
  const { concurrency, perMinute } = open.use;
  const stopping = new AbortController();
  const working = new Set<Promise<void>>();
  let woken = new AbortController();
  const wake = (): void => {
    woken.abort();
    woken = new AbortController();
  };

  const turn = async (): Promise<void> => {
    const looked = woken.signal;
    const most = concurrency - working.size;
    const { claims, nextMs } =
      most > 0
        ? await store.claim(open.name, { most, perMinute, leaseMs: LEASE_MS })
        : { claims: [], nextMs: undefined };
    for (const claim of claims) {
      const work = deliver(options, claim, stopping.signal)
        .catch((err: unknown) => log.warn({ err, channel: open.name, notice: claim.id }, "an attempt was not stored"))
        .finally(() => {
          working.delete(work);
          wake();
        });
      working.add(work);
    }
    if (claims.length === 0)
      await pause(Math.min(LOOK_MS, Math.max(5, nextMs ?? LOOK_MS)), AbortSignal.any([looked, stopping.signal]));
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await turn().catch(async (err: unknown) => {
        if (stopping.signal.aborted) return;
        log.warn({ err, channel: open.name }, "the queue of a channel could not be read, trying again");
        await pause(AWAY_MS, stopping.signal);
      });
    }
    await Promise.all(working);
  })();
  return {
    wake,
    close: async () => {
      stopping.abort();
      await running;
    },
  };
}

async function deliver(options: WorkerOptions, claim: Claim, stopping: AbortSignal): Promise<void> {
  const { open, store, summary, now, giveUpMs, count, log } = options;
  const { notice, repeats, id, delivery } = claim;
  const started = now();
  const ended = () => ({ delivery, started, now: now(), giveUpMs });
  let missed: Missed | undefined;
  const settlement = await attempt(open, claim, started, options).then(
    ({ ref, missed: why }) => {
      if (why !== undefined) missed = { part: "some", why };
      const { kind: eventType, time: eventTime, taskId, agentId } = notice;
      const text = { summary: summary(notice, repeats), channel: open.name, deliveryTime: started };
      const delivered: Delivered = { id, eventType, eventTime, taskId, agentId, ...text };
      return afterSuccess(ended(), ref, delivered);
    },
    (err: unknown) => {
      const settled = afterFailure(err, ended());
      const level = settled.outcome === "dead" ? "error" : "warn";
      const text =
        settled.outcome === "dead" ? "a notice was given up" : "a notice was not delivered, will be tried again";
      log[level]({ err, channel: open.name, notice: id, tries: settled.delivery.tries }, text);
      return settled;
    },
  );
  count(open.name, settlement.outcome === "ok" ? "ok" : settlement.outcome === "dead" ? "dead" : "failed");
  // The result of an attempt is worth more than one try to store it: without it, the notice is sent again.
  for (let left = 5; ; left--) {
    try {
      await store.settle(claim, settlement);
      break;
    } catch (error) {
      if (left === 0 || stopping.aborted) throw error;
      await pause(AWAY_MS, stopping);
    }
  }
  if (settlement.outcome === "dead") missed = { part: "all", why: settlement.delivery.attempts.at(-1)?.cause ?? "" };
  if (missed !== undefined) await options.onMissed(open.name, notice, missed);
}

async function attempt(
  open: OpenChannel,
  { notice, repeats, id, ref, delivery, lost }: Claim,
  time: Date,
  { inSpan, timer, log }: Pick<WorkerOptions, "inSpan" | "timer" | "log">,
): Promise<Receipt> {
  if (lost >= MOST_LOST)
    throw new DeliveryError("invalid", `${lost} attempts ended with the process, and left no result`);
  const over = new AbortController();
  const message = {
    id: headerSafe(id),
    notice,
    repeats,
    ref,
    attempt: delivery.tries + lost + 1,
    time,
    render: (format: Format, longest?: number) => open.render(notice, repeats, format, longest),
  };
  const late = (): never => {
    throw new DeliveryError("unavailable", `the channel did not answer within ${ATTEMPT_MS / 1_000} s`);
  };
  const work = inSpan(notice, open.name, async () => open.channel.deliver(message, over.signal));
  const { ref: kept, missed } = (await within(ATTEMPT_MS, work, late, { over, ...(timer && { timer }) })) ?? {};
  if (missed !== undefined)
    log.warn({ channel: open.name, notice: id, missed }, "a part of a notice was not delivered");
  // Each delivery of the incident carries it. The channel has the message, so the delivery itself has not failed.
  const tooLong = kept !== undefined && kept.length > MOST_REF;
  if (tooLong)
    log.warn({ channel: open.name, notice: id }, "a channel returned a ref that is too long, and it is left out");
  return { ...(kept !== undefined && !tooLong && { ref: kept }), ...(missed !== undefined && { missed }) };
}

/** Ids of events may hold any text, and channels put the id into headers and markers. */
const headerSafe = (id: string): string =>
  /^[\w.:/-]{1,200}$/.test(id) ? id : createHash("sha256").update(id).digest("hex");
