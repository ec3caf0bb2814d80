import { DeliveryError, type Message } from "../../domain/channel.js";
import { incidentMarker, noticeMarker } from "./markers.js";
import type { Client, Place } from "./octokit.js";

export interface WriterSettings {
  readonly labels: readonly string[];
  readonly assignees: readonly string[];
  readonly titlePrefix: string;
  readonly ownLabel: string;
}

/** An issue that has the message. */
export interface Written {
  readonly number: number;
  /** What GitHub has left out, without a word in its answer. */
  readonly missed?: string;
}

/** GitHub's longest title and body (characters), with room for the markers. */
const TITLE = 250;
const BODY = 60_000;

/** How far the clocks of GitHub and of the sender of a notice may differ. */
const SKEW_MS = 24 * 3_600_000;

interface Created {
  readonly number: number;
  readonly labels: readonly (string | { readonly name?: string })[];
}

/** Writes issues and comments. Only `setState` may be repeated without a look at what is there. */
export function createIssueWriter(octokit: Client, place: Place, settings: WriterSettings) {
  const { labels, assignees, titlePrefix, ownLabel } = settings;
  /** A write is made once: the channel looks whether it has happened before it is made again. */
  const once = (signal: AbortSignal) => ({ signal, retries: 0 });

  const create = async (message: Message, signal: AbortSignal): Promise<Written> => {
    const { notice, render } = message;
    const { title, body } = render("markdown");
    const own = notice.labels.filter((label) => !label.includes("=") && label.length <= 50);
    const wanted = [...new Set([ownLabel, ...labels, ...own])];
    const { data, status }: { data: Created; status: number } = await octokit.rest.issues.create({
      ...place,
      title: `${titlePrefix}${title}`.slice(0, TITLE),
      body: `${body.slice(0, BODY)}\n\n${incidentMarker(message)}\n${noticeMarker(message)}`,
      labels: wanted,
      assignees: [...assignees],
      request: once(signal),
    });
    if (status !== 201) throw new DeliveryError("refused", `GitHub answered ${status}`);
    const set = new Set(data.labels.map((label) => (typeof label === "string" ? label : label.name)?.toLowerCase()));
    const missing = wanted.filter((label) => !set.has(label.toLowerCase()));
    if (missing.length === 0) return { number: data.number };
    const missed = `GitHub has left out the labels ${missing.join(", ")}: the token needs push access to the repository`;
    return { number: data.number, missed };
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
      if (data.some((each) => each.body?.includes(noticeMarker(message)))) return true;
      if (data.length < 100) return false;
    }
  };

  const comment = async (issue: number, message: Message, signal: AbortSignal): Promise<void> => {
    const { title, body } = message.render("markdown");
    const text = message.notice.action === "resolves" ? `**${escapeTitle(title)}**` : body;
    await octokit.rest.issues.createComment({
      ...place,
      issue_number: issue,
      body: `${text.slice(0, BODY)}\n\n${noticeMarker(message)}`,
      request: once(signal),
    });
  };

  const setState = async (issue: number, state: "open" | "closed", signal: AbortSignal): Promise<void> => {
    await octokit.rest.issues.update({ ...place, issue_number: issue, state, request: { signal } });
  };

  return { create, hasComment, comment, setState };
}

const escapeTitle = (title: string): string => title.replace(/[\\`*_{}[\]()<>#+!|~&@]/g, "\\$&");
