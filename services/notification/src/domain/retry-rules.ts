import { type Backoff, backoffMs } from "@ccsp/timing";
import type { FailureKind } from "./channel.js";
import type { Attempt, Delivery } from "./notice.js";
import type { Settlement } from "./notice-store.js";

/** Waits by kind of failure. */
const WAITS: Readonly<Record<FailureKind, Backoff>> = {
  unavailable: { firstMs: 1_000, longestMs: 300_000 },
  // A mail server that does not know the sender takes the mail after some minutes.
  partial: { firstMs: 60_000, longestMs: 300_000 },
  limited: { firstMs: 60_000, longestMs: 900_000 },
  // A person has to change something.
  refused: { firstMs: 60_000, longestMs: 3_600_000 },
  invalid: { firstMs: 0, longestMs: 0 },
};
const KINDS: readonly FailureKind[] = ["unavailable", "partial", "limited", "refused", "invalid"];
/** A channel that judges a message, or has sent it to some, works. */
const WORKS: readonly FailureKind[] = ["partial", "invalid"];
/** The shortest waits. A channel that asks for less, such as none, or a time that has passed, would be asked without end. */
const SHORTEST: Backoff = WAITS.unavailable;
/** A channel may ask for any wait. A longer one than this is more likely a mistake than a wish. */
const LONGEST_ASKED_MS = 6 * 3_600_000;
/** Attempts that are kept of a delivery. */
const ATTEMPTS = 20;

export interface Ended {
  readonly delivery: Delivery;
  readonly started: Date;
  readonly now: Date;
  /** A delivery that waits for longer is given up. */
  readonly giveUpMs: number;
  readonly random?: () => number;
}

/** What follows an attempt that failed. An error without a `kind` counts as `unavailable`. */
export function afterFailure(error: unknown, ended: Ended): Settlement {
  const { delivery, now, giveUpMs, random = Math.random } = ended;
  const { kind, retryAfterMs: asked } = failureOf(error);
  const attempted = withAttempt(ended, causeOf(error));
  const tooLate = now.getTime() - delivery.since.getTime() >= giveUpMs;
  const dead = kind === "invalid" || tooLate;
  const own = backoffMs(attempted.tries, { ...WAITS[kind], random });
  const shortest = backoffMs(attempted.tries, SHORTEST);
  const tooShort = asked !== undefined && asked < shortest;
  const wait = asked === undefined ? own : Math.max(asked, shortest);
  const retryMs = dead ? 0 : Math.round(Math.min(wait, LONGEST_ASKED_MS));
  return {
    outcome: dead ? "dead" : "retry",
    delivery: dead
      ? { ...attempted, state: "dead", nextTime: undefined }
      : { ...attempted, nextTime: new Date(now.getTime() + retryMs) },
    retryMs,
    ref: undefined,
    pauseMs: kind === "limited" || asked !== undefined ? retryMs : 0,
    // A limit is not a failure, unless the wait that the channel asks for is too short to help.
    channelIs: WORKS.includes(kind) ? "ok" : kind === "limited" && !tooShort ? "same" : "failed",
    delivered: undefined,
  };
}

/** What follows an attempt that the channel accepted. */
export function afterSuccess(ended: Ended, ref: string | undefined, delivered: Settlement["delivered"]): Settlement {
  const delivery: Delivery = { ...withAttempt(ended, ""), state: "delivered", nextTime: undefined };
  return { outcome: "ok", delivery, retryMs: 0, ref, pauseMs: 0, channelIs: "ok", delivered };
}

/** What a failure means, by its members: the error of a plugin is not of our class. */
export function failureOf(error: unknown): { kind: FailureKind; retryAfterMs: number | undefined } {
  const { kind, retryAfterMs }: { kind?: unknown; retryAfterMs?: unknown } = Object(error);
  return {
    kind: KINDS.find((each) => each === kind) ?? "unavailable",
    retryAfterMs: typeof retryAfterMs === "number" && retryAfterMs >= 0 ? retryAfterMs : undefined,
  };
}

function withAttempt({ delivery, started, now }: Ended, cause: string): Delivery {
  const attempt: Attempt = { time: started, tookMs: now.getTime() - started.getTime(), cause };
  return { ...delivery, tries: delivery.tries + 1, attempts: [...delivery.attempts, attempt].slice(-ATTEMPTS) };
}

/** What people read of a failed attempt, at most 500 characters. */
export function causeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : "";
  return [text, cause]
    .filter((each) => each !== "")
    .join(": ")
    .slice(0, 500);
}
