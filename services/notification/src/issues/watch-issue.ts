import { Refusal } from "@ccsp/errors";
import { type Backoff, backoffMs } from "@ccsp/timing";
import type { Logger } from "pino";
import { DeliveryError, type IssueReading, type IssueStatus, type Issues } from "../domain/channel.js";
import type { NoticeStore } from "../domain/notice-store.js";
import type { IssueChanges, IssueFollower } from "./issue-changes.js";

export interface WatchOptions {
  readonly store: NoticeStore;
  /** The channels that have issues, by name. */
  readonly issues: ReadonlyMap<string, Issues>;
  /** How often the tracker is asked. A change that it tells of is read at once. */
  readonly pollMs: number;
  readonly changes: IssueChanges;
  readonly log: Logger;
}

/** `none`: no channel has issues. `opening`: the issue is still to be opened. */
export type WatchedState = { readonly state: "none" | "opening" } | IssueStatus;

/** How often to look whether the issue was opened. */
const OPENING_MS = 1_000;
const FAILED: Backoff = { firstMs: 5_000, longestMs: 600_000 };

/**
 * Yields the state of the issue of a matter, at first and after each change, until `signal` aborts. A tracker that does
 * not answer is asked again with growing waits. Throws ISSUE_NOT_FOUND if no notice of the matter has asked for an issue.
 */
export async function* watchIssue(
  key: string,
  options: WatchOptions,
  signal: AbortSignal,
): AsyncGenerator<WatchedState> {
  const follower = options.changes.follow();
  try {
    yield* watch(key, options, follower, signal);
  } finally {
    follower.close();
  }
}

async function* watch(
  key: string,
  { store, issues, pollMs, log }: WatchOptions,
  follower: IssueFollower,
  signal: AbortSignal,
): AsyncGenerator<WatchedState> {
  let known: IssueReading | undefined;
  let said: string | undefined;
  let failures = 0;
  while (!signal.aborted) {
    const matter = await store.matter(key);
    if (matter === undefined || !matter.issue) throw issueMissing(key);
    const place = Object.entries(matter.refs).find(([channel]) => issues.has(channel));
    let waitMs = OPENING_MS;
    let state: WatchedState = { state: issues.size === 0 ? "none" : "opening" };
    if (issues.size === 0) waitMs = pollMs;
    if (place !== undefined) {
      const [channel, ref] = place;
      try {
        known = await issues.get(channel)?.read(ref, known, signal);
        failures = 0;
        waitMs = pollMs;
      } catch (err) {
        if (signal.aborted) return;
        failures += 1;
        const asked = err instanceof DeliveryError ? (err.retryAfterMs ?? 0) : 0;
        waitMs = Math.max(asked, backoffMs(failures, FAILED));
        log.warn({ err, channel, matter: key }, "the state of an issue could not be read, trying again");
      }
      state = known?.status ?? { state: "opening" };
    }
    const form = JSON.stringify(state);
    if (form !== said) yield state;
    said = form;
    await follower.wait(known?.status.url ?? "", waitMs, signal);
  }
}

export const issueMissing = (key: string): Refusal =>
  new Refusal("ISSUE_NOT_FOUND", `no notice with the key ${key} has asked for an issue`);
