import type { Issues } from "../../domain/channel.js";
import { githubFailure } from "./failure.js";
import type { Client, Place } from "./octokit.js";

/** Reads whether an issue is open, who has changed that and when. */
export function issueStatus(octokit: Client, place: Place, now: () => Date): Issues {
  const newestEvent = async (issue: number, event: string, signal: AbortSignal) => {
    let newest: { actor: { login: string } | null; created_at: string } | undefined;
    for (let page = 1; ; page++) {
      const { data } = await octokit.rest.issues.listEvents({
        ...{ ...place, issue_number: issue, per_page: 100, page },
        request: { signal, retries: 0 },
      });
      newest = data.findLast((each) => each.event === event) ?? newest;
      if (data.length < 100) return newest;
    }
  };

  return {
    read: async (ref, known, signal) => {
      try {
        const { data, headers } = await octokit.rest.issues.get({
          ...place,
          issue_number: Number(ref),
          ...(known && { headers: { "if-none-match": known.version } }),
          request: { signal, retries: 0 },
        });
        const { closed_at, created_at, closed_by, html_url: url } = data;
        const version = headers.etag ?? "";
        const changed = (state: "open" | "closed", who: string, time: string) => {
          return { status: { state, url, who, changeTime: new Date(time) }, version };
        };
        if (data.state === "closed") return changed("closed", closed_by?.login ?? "", closed_at ?? created_at);
        if (data.state_reason !== "reopened") return changed("open", "", created_at);
        // The issue itself does not say who has opened it again and when.
        const reopened = await newestEvent(Number(ref), "reopened", signal);
        return changed("open", reopened?.actor?.login ?? "", reopened?.created_at ?? created_at);
      } catch (error) {
        if (known !== undefined && error instanceof Error && "status" in error && error.status === 304) return known;
        throw githubFailure(error, now());
      }
    },
  };
}
