import { inTurn } from "@ccsp/timing";
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
   * Finds the issue with one of these markers: the open one of the matter, or the one that this notice has made, also if
   * a person has closed it since. The oldest wins.
   */
  find(matter: string, notice: string): Promise<OwnIssue | undefined>;
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
 * then only what has changed.
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
  let newest: string | undefined;

  const list = async (filter: { state: "open" | "all"; since?: string }): Promise<void> => {
    const signal = AbortSignal.timeout(READ_MS);
    for (let page = 1; ; page++) {
      const { data } = await octokit.rest.issues.listForRepo({
        ...{ owner, repo, labels: label, sort: "updated", direction: "asc", per_page: 100, page },
        ...filter,
        request: { signal },
      });
      for (const issue of data) {
        const own = ownIssue(issue);
        known.set(own.number, own);
        if (newest === undefined || issue.updated_at > newest) newest = issue.updated_at;
      }
      if (data.length < 100) return;
    }
  };
  let first = true;
  const read = inTurn(async () => {
    const since = (before: Date, ms: number): string => new Date(before.getTime() - ms).toISOString();
    if (first) {
      await list({ state: "open" });
      await list({ state: "all", since: since(now(), CLOSED_MS) });
      first = false;
    } else {
      await list({
        state: "all",
        since: newest === undefined ? since(now(), CLOSED_MS) : since(new Date(newest), OVERLAP_MS),
      });
    }
  });

  return {
    find: async (matter, notice) => {
      // Those who ask while a read is in progress share the next one.
      await read();
      const found = [...known.values()].filter(
        ({ state, markers }) => markers.includes(notice) || (state === "open" && markers.includes(matter)),
      );
      return found.sort((a, b) => a.number - b.number)[0];
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
