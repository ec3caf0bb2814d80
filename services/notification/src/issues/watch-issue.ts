import { Refusal } from "@ccsp/errors";
import { type Backoff, backoffMs } from "@ccsp/timing";
import type { Logger } from "pino";
import type { IssueReading, IssueStatus, Issues } from "../domain/channel.js";
import type { NoticeStore } from "../domain/notice-store.js";
import { failureOf } from "../domain/retry-rules.js";
import type { IssueChanges, IssueFollower } from "./issue-changes.js";

export interface WatchOptions {
  readonly store: NoticeStore;
  /** The channels that have issues, by name. */
  readonly issues: ReadonlyMap<string, Issues>;
  /** How often the tracker is asked. A change that it announces is read at once. */
  readonly pollMs: number;
  readonly changes: IssueChanges;
  readonly log: Logger;
}

/** `none`: no channel has issues. `opening`: the issue is still to be opened. */
export type WatchedState = { readonly state: "none" | "opening" } | IssueStatus;

/** How often to look whether the issue was opened. */
const OPENING_MS = 1_000;
/** How long a tracker may take to answer: the others wait for it. */
const READ_MS = 15_000;
const FAILED: Backoff = { firstMs: 5_000, longestMs: 600_000 };

/**
 * Yields the state of the issue of an incident, at first and after each change, until `signal` aborts. If several
 * channels have an issue of it, all are watched, and the one that was closed last wins. A tracker that does not answer
 * is asked again with growing waits, and holds up the others for at most 15 s. Throws ISSUE_NOT_FOUND if no notice of
 * the incident has asked for an issue.
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

/** One issue of the incident. */
interface Watched {
  readonly channel: string;
  readonly ref: string;
  reading: IssueReading | undefined;
  failures: number;
  /** When it is read next, on the clock of `performance`. */
  dueMs: number;
}

async function* watch(
  key: string,
  { store, issues, pollMs, log }: WatchOptions,
  follower: IssueFollower,
  signal: AbortSignal,
): AsyncGenerator<WatchedState> {
  let all: readonly Watched[] = [];
  let said: string | undefined;
  const read = async (one: Watched): Promise<void> => {
    let waitMs = pollMs;
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(READ_MS)]);
      one.reading = await issues.get(one.channel)?.read(one.ref, one.reading, limit);
      one.failures = 0;
    } catch (err) {
      if (signal.aborted) return;
      one.failures += 1;
      waitMs = Math.max(failureOf(err).retryAfterMs ?? 0, backoffMs(one.failures, FAILED));
      log.warn({ err, channel: one.channel, matter: key }, "the state of an issue could not be read, trying again");
    }
    one.dueMs = performance.now() + waitMs;
  };

  while (!signal.aborted) {
    const incident = await store.incident(key);
    if (incident === undefined || !incident.issue) throw issueMissing(key);
    all = Object.entries(incident.refs).flatMap(([channel, ref]): Watched[] => {
      if (!issues.has(channel)) return [];
      const before = all.find((each) => each.channel === channel && each.ref === ref);
      return [before ?? { channel, ref, reading: undefined, failures: 0, dueMs: 0 }];
    });
    await Promise.all(all.filter(({ dueMs }) => dueMs <= performance.now()).map(read));
    if (signal.aborted) return;
    const state: WatchedState =
      stateOf(all.flatMap(({ reading }) => (reading ? [reading.status] : []))) ??
      ({ state: issues.size === 0 ? "none" : "opening" } as const);
    const form = JSON.stringify(state);
    if (form !== said) yield state;
    said = form;
    // Until the first issue is opened, look soon.
    const lookMs = issues.size === 0 || all.length > 0 ? pollMs : OPENING_MS;
    const dueMs = Math.min(...all.map((each) => each.dueMs - performance.now()), lookMs);
    const urls = new Map(all.flatMap((one) => (one.reading ? [[one.reading.status.url, one]] : [])));
    for (const url of await follower.wait([...urls.keys()], Math.max(1, dueMs), signal)) {
      const changed = urls.get(url);
      if (changed !== undefined) changed.dueMs = 0;
    }
  }
}

/** The issue that was closed last, or the first one if all are open: a person may close any of them. */
function stateOf(all: readonly IssueStatus[]): IssueStatus | undefined {
  const timeOf = ({ changeTime }: IssueStatus): number => changeTime?.getTime() ?? 0;
  const closed = all.filter(({ state }) => state === "closed").sort((a, b) => timeOf(b) - timeOf(a));
  return closed[0] ?? all[0];
}

export const issueMissing = (key: string): Refusal =>
  new Refusal("ISSUE_NOT_FOUND", `no notice with the key ${key} has asked for an issue`);
