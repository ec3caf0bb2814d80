import { createHash } from "node:crypto";
import { type Channel, DeliveryError, type Issues, type Message } from "../../domain/channel.js";
import { githubFailure } from "./failure.js";
import { createIssueIndex } from "./issue-index.js";
import type { Client } from "./octokit.js";

export interface GitHubSettings {
  readonly owner: string;
  readonly repo: string;
  readonly baseUrl: string;
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
  readonly titlePrefix: string;
  readonly ownLabel: string;
  readonly closeWhenResolved: boolean;
  readonly reopen: boolean;
}

/** GitHub's longest title and body (characters), with room for the markers. */
const TITLE = 250;
const BODY = 60_000;

/** Hidden text by which the channel finds what it has written. It does not show the key. */
const hash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 32);
const matterMarker = (key: string): string => `<!-- ccsp-matter:${hash(key)} -->`;
const noticeMarker = (id: string): string => `<!-- ccsp-notice:${hash(id)} -->`;

/** Writes notices as issues of one repository. The `ref` of a matter is the number of its issue. */
export function createGitHubChannel(octokit: Client, settings: GitHubSettings, now: () => Date): Channel {
  const { owner, repo, baseUrl, labels, assignees, titlePrefix, ownLabel, closeWhenResolved, reopen } = settings;
  const place = { owner, repo };
  const index = createIssueIndex(octokit, { ...place, label: ownLabel, now });
  /** A write is made once: the channel looks whether it has happened before it is made again. */
  const once = (signal: AbortSignal) => ({ signal, retries: 0 });

  const create = async (message: Message, signal: AbortSignal): Promise<number> => {
    const { notice, render } = message;
    const { title, body } = render("markdown");
    const own = notice.labels.filter((label) => !label.includes("=") && label.length <= 50);
    const { data, status }: { data: { number: number }; status: number } = await octokit.rest.issues.create({
      ...place,
      title: `${titlePrefix}${title}`.slice(0, TITLE),
      body: `${body.slice(0, BODY)}\n\n${matterMarker(keyOf(message))}\n${noticeMarker(message.id)}`,
      labels: [...new Set([ownLabel, ...labels, ...own])],
      assignees: [...assignees],
      request: once(signal),
    });
    if (status !== 201) throw new DeliveryError("refused", `GitHub answered ${status}`);
    return data.number;
  };

  /** Whether this notice is a comment of the issue: the process that wrote it may have died since. */
  const hasComment = async (issue: number, message: Message, signal: AbortSignal): Promise<boolean> => {
    const since = new Date(message.notice.time.getTime() - SKEW_MS).toISOString();
    const comments = octokit.rest.issues.listComments;
    for (let page = 1; ; page++) {
      const { data } = await comments({
        ...place,
        issue_number: issue,
        since,
        per_page: 100,
        page,
        request: { signal },
      });
      if (data.some((each) => each.body?.includes(noticeMarker(message.id)))) return true;
      if (data.length < 100) return false;
    }
  };

  const comment = async (issue: number, message: Message, signal: AbortSignal): Promise<void> => {
    const { title, body } = message.render("markdown");
    const text = message.notice.action === "resolves" ? `**${escapeTitle(title)}**` : body;
    await octokit.rest.issues.createComment({
      ...place,
      issue_number: issue,
      body: `${text.slice(0, BODY)}\n\n${noticeMarker(message.id)}`,
      request: once(signal),
    });
  };

  const setState = async (issue: number, state: "open" | "closed", signal: AbortSignal): Promise<void> => {
    await octokit.rest.issues.update({ ...place, issue_number: issue, state, request: { signal } });
  };

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

  /** The issue of the matter, if it is still there. */
  const find = async (message: Message, signal: AbortSignal) => {
    if (message.ref !== undefined) {
      const found = await index.get(Number(message.ref), signal);
      if (found !== undefined && (reopen || found.state === "open")) return found;
    }
    return index.find(matterMarker(keyOf(message)), noticeMarker(message.id));
  };

  const write = async (message: Message, signal: AbortSignal): Promise<number | undefined> => {
    const { notice, repeats, id } = message;
    const found = await find(message, signal);
    if (found === undefined) {
      // Nobody has to hear of the end of something that has no issue.
      return notice.action === "resolves" ? undefined : create(message, signal);
    }
    const { number, state, markers } = found;
    // The marker is written last. So where it is, the state was set too, and a person may have changed it since.
    if (markers.includes(noticeMarker(id)) || (await hasComment(number, message, signal))) return number;
    const begins = notice.action === "opens" && repeats === 0;
    const wanted =
      notice.issueState ?? (begins ? "open" : notice.action === "resolves" && closeWhenResolved ? "closed" : undefined);
    if (wanted !== undefined && wanted !== state) await setState(number, wanted, signal);
    await comment(number, message, signal);
    return number;
  };

  const issues: Issues = {
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

  return {
    target: `${owner}/${repo} at ${baseUrl}`,
    issues,
    deliver: async (message, signal) => {
      try {
        const number = await write(message, signal);
        return number === undefined ? {} : { ref: String(number) };
      } catch (error) {
        throw githubFailure(error, now());
      }
    },
  };
}

/** How far the clocks of GitHub and of the sender of a notice may differ. */
const SKEW_MS = 24 * 3_600_000;

/** A notice that stands alone is a matter of its own. */
const keyOf = ({ id, notice }: Message): string => (notice.dedupKey === "" ? id : notice.dedupKey);

const escapeTitle = (title: string): string => title.replace(/[\\`*_{}[\]()<>#+!|~&@]/g, "\\$&");
