import type { Channel, Message } from "../../domain/channel.js";
import { githubFailure } from "./failure.js";
import { createIssueIndex } from "./issue-index.js";
import { issueStatus } from "./issue-status.js";
import { createIssueWriter, type WriterSettings, type Written } from "./issue-writer.js";
import { incidentMarker, noticeMarker } from "./markers.js";
import type { Client, Place } from "./octokit.js";

export interface GitHubSettings extends Place, WriterSettings {
  readonly baseUrl: string;
  readonly closeWhenResolved: boolean;
  readonly reopen: boolean;
}

/** Writes notices as issues of one repository. The `ref` of an incident is the number of its issue. */
export function createGitHubChannel(octokit: Client, settings: GitHubSettings, now: () => Date): Channel {
  const { owner, repo, baseUrl, ownLabel, closeWhenResolved, reopen } = settings;
  const place = { owner, repo };
  const index = createIssueIndex(octokit, { ...place, label: ownLabel, now });
  const issues = createIssueWriter(octokit, place, settings);

  /** The issue of the incident, if it is still there. */
  const find = async (message: Message, signal: AbortSignal) => {
    if (message.ref !== undefined) {
      const found = await index.get(Number(message.ref), signal);
      if (found !== undefined && (reopen || found.state === "open")) return found;
    }
    const found = await index.find(incidentMarker(message), noticeMarker(message));
    // The answer of an earlier attempt may be lost, and the labels with it.
    if (found !== undefined || message.attempt === 1) return found;
    return index.findUnlabelled(noticeMarker(message), message.notice.time);
  };

  const write = async (message: Message, signal: AbortSignal): Promise<Written | undefined> => {
    const { notice, repeats } = message;
    const found = await find(message, signal);
    if (found === undefined) {
      // Without an issue, the end needs no message.
      return notice.action === "resolves" ? undefined : issues.create(message, signal);
    }
    const { number, state, markers } = found;
    // The marker is written last. So where it is, the state was set too, and a person may have changed it since.
    if (markers.includes(noticeMarker(message)) || (await issues.hasComment(number, message, signal)))
      return { number };
    const begins = notice.action === "opens" && repeats === 0;
    const wanted =
      notice.issueState ?? (begins ? "open" : notice.action === "resolves" && closeWhenResolved ? "closed" : undefined);
    if (wanted !== undefined && wanted !== state) await issues.setState(number, wanted, signal);
    await issues.comment(number, message, signal);
    return { number };
  };

  return {
    target: `${owner}/${repo} at ${baseUrl}`,
    issues: issueStatus(octokit, place, now),
    deliver: async (message, signal) => {
      try {
        const written = await write(message, signal);
        if (written === undefined) return {};
        const { number, missed } = written;
        return { ref: String(number), ...(missed !== undefined && { missed }) };
      } catch (error) {
        throw githubFailure(error, now());
      }
    },
  };
}
