import { inTurn } from "@ccsp/timing";
import { DeliveryError } from "../../domain/channel.js";
import type { Client } from "./octokit.js";

/** An issue that the channel has written. */
export interface OwnIssue {
  readonly number: number;
  readonly state: "open" | "closed";
  /** The hidden texts in its body. */
  readonly markers: string;
}

export interface IssueIndex {
  /**
   * Finds the issue with one of these markers: the open one of the incident, or the one that this notice has made, also
   * if a person has closed it since. The oldest wins.
   */
  find(incident: string, notice: string): Promise<OwnIssue | undefined>;
  /**
   * Finds the issue that this notice has made, also if it has no label: GitHub leaves labels out if the token may not set
   * them. It reads all issues that were made since two days before the time of the notice.
   */
  findUnlabelled(notice: string, since: Date): Promise<OwnIssue | undefined>;
  /** Returns undefined if the issue was deleted or moved to another repository. */
  get(number: number, signal: AbortSignal): Promise<OwnIssue | undefined>;
}

/** Changes may become visible late, and the clock of GitHub counts seconds. */
const OVERLAP_MS = 10_000;
/** A notice that has an issue by now waits no longer than this for the record of it. */
const CLOSED_MS = 48 * 3_600_000;
const READ_MS = 12_000;
/** Deleted, or moved to another repository: there, GitHub redirects to it. */
const GONE: readonly unknown[] = [301, 404, 410];

/**
 * Knows the issues with CCSP's label. It reads the list, because GitHub's search finds a new issue only after some time,
 * and a second issue could be made meanwhile. At first it reads the open issues and those that have changed in two days,
 * then only what has changed. A read that fails or takes too long goes on where it was when it is asked for again, so any
 * number of issues is read in the end.
 */
export function createIssueIndex(
  octokit: Client,
  {
    owner,
    repo,
    label,
    now,
  }: { readonly owner: string; readonly repo: string; readonly label: string; readonly now: () => Date },
): IssueIndex {
  const known = new Map<number, OwnIssue>();
  const before = (time: Date, ms: number): string => new Date(time.getTime() - ms).toISOString();
  let stage: "open" | "recent" | "changed" = "open";
  /** All that changed before it has been read in this stage. */
  let cursor: string | undefined;

  const pages = async function* (filter: object) {
    const signal = AbortSignal.timeout(READ_MS);
    try {
      for (let page = 1; ; page++) {
        const { data } = await octokit.rest.issues.listForRepo({
          ...{ owner, repo, per_page: 100, page, ...filter },
          request: { signal },
        });
        yield data;
        if (data.length < 100) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
      const text = `the list of issues was not read within ${READ_MS / 1_000} s: the next attempt goes on from there`;
      throw new DeliveryError("unavailable", text, undefined, error);
    }
  };
  const list = async (state: "open" | "all", since: string | undefined): Promise<void> => {
    const filter = { state, labels: label, sort: "updated", direction: "asc", ...(since && { since }) };
    for await (const page of pages(filter)) {
      for (const issue of page) {
        const own = ownIssue(issue);
        known.set(own.number, own);
        if (cursor === undefined || issue.updated_at > cursor) cursor = issue.updated_at;
      }
    }
  };
  const read = inTurn(async () => {
    if (stage === "changed") {
      return list("all", cursor === undefined ? before(now(), CLOSED_MS) : before(new Date(cursor), OVERLAP_MS));
    }
    if (stage === "open") {
      await list("open", cursor);
      [stage, cursor] = ["recent", before(now(), CLOSED_MS)];
    }
    await list("all", cursor);
    stage = "changed";
  });

  return {
    find: async (incident, notice) => {
      // Those who ask while a read is in progress share the next one.
      await read();
      const found = [...known.values()].filter(
        ({ state, markers }) => markers.includes(notice) || (state === "open" && markers.includes(incident)),
      );
      return found.sort((a, b) => a.number - b.number)[0];
    },
    findUnlabelled: async (notice, since) => {
      const from = before(since, CLOSED_MS);
      for await (const page of pages({ state: "all", sort: "created", direction: "desc", since: from })) {
        const found = page.map(ownIssue).find(({ markers }) => markers.includes(notice));
        if (found !== undefined || page.some((issue) => issue.created_at < from)) return found;
      }
      return undefined;
    },
    get: async (number, signal) => {
      try {
        const { data } = await octokit.rest.issues.get({ owner, repo, issue_number: number, request: { signal } });
        return ownIssue(data);
      } catch (error) {
        if (error instanceof Error && "status" in error && GONE.includes(error.status)) {
          known.delete(number);
          return undefined;
        }
        throw error;
      }
    },
  };
}

function ownIssue(issue: { number: number; state: string; body?: string | null }): OwnIssue {
  const markers = issue.body?.match(/<!-- ccsp-[a-z]+:[0-9a-f]+ -->/g) ?? [];
  return { number: issue.number, state: issue.state === "closed" ? "closed" : "open", markers: markers.join("") };
}
