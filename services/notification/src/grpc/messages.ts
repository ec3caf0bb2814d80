import { createHash } from "node:crypto";
import { type FieldViolation, invalidFields } from "@ccsp/errors";
import {
  type Delivery as DeliveryMessage,
  IssueState,
  NoticeAction,
  type Notice as NoticeMessage,
  type Notification,
  NotificationState,
  Severity as SeverityMessage,
} from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { wordOf, wordsOf } from "@ccsp/protos/words.js";
import { bareNotice, type Delivered, type Delivery, type Notice } from "../domain/notice.js";
import type { Undelivered } from "../domain/notice-store.js";
import type { WatchedState } from "../issues/watch-issue.js";
import { summaryOf } from "../text/render.js";
import { safeNotice } from "../text/safe-notice.js";

const SEVERITY = wordsOf(SeverityMessage);
const ACTION = wordsOf(NoticeAction);
const STATE = wordsOf(NotificationState);

/** The state that a list asks for. */
export const stateOf = (state: NotificationState): Delivery["state"] => wordOf(STATE, state) ?? "delivered";

/** Returns the faults of a notice of a request, with the paths of its fields. */
export function noticeFaults(notice: NoticeMessage | undefined, path: string): FieldViolation[] {
  if (notice === undefined) return [{ field: path, description: "must be set" }];
  const { kind, subject, facts, whatToDo, links, dedupKey, labels, severity, action, time } = notice;
  const faults: FieldViolation[] = [];
  const check = (right: boolean, field: string, description: string): void => {
    if (!right) faults.push({ field: `${path}.${field}`, description });
  };
  check(/^[a-z0-9._]{1,64}$/.test(kind), "kind", "must be 1 to 64 characters of a-z 0-9 . _");
  check(
    severity === SeverityMessage.UNSPECIFIED || wordOf(SEVERITY, severity) !== undefined,
    "severity",
    "is not known",
  );
  check(action === NoticeAction.UNSPECIFIED || wordOf(ACTION, action) !== undefined, "action", "is not known");
  check(Object.keys(subject).length <= 16, "subject", "must have at most 16 entries");
  check(Object.keys(facts).length <= 32, "facts", "must have at most 32 entries");
  check(Object.keys(links).length <= 8, "links", "must have at most 8 entries");
  check(labels.length <= 16, "labels", "must have at most 16 entries");
  for (const [field, texts] of Object.entries({ subject, facts, links }))
    check(
      Object.keys(texts).every((name) => name.trim() !== "" && name.length <= 64),
      field,
      "must have names of 1 to 64 characters",
    );
  const values = [...Object.values(subject), ...Object.values(facts)];
  check(
    values.every((value) => value.length <= 1_024),
    "facts",
    "must have values of at most 1,024 characters",
  );
  check(whatToDo.length <= 2_048, "what_to_do", "must be at most 2,048 characters");
  check(
    Object.values(links).every((url) => url.length <= 2_048 && URL.canParse(url)),
    "links",
    "must be URLs",
  );
  check(
    labels.every((label) => label.trim() !== "" && label.length <= 128),
    "labels",
    "must be 1 to 128 characters each",
  );
  check(dedupKey.length >= 1 && dedupKey.length <= 256, "dedup_key", "must be 1 to 256 characters");
  check(!Number.isNaN(time?.getTime()), "time", "is not a time");
  return faults;
}

/**
 * Returns the notice of a request. Its id follows from its content and its time, so that the same call makes the same
 * notice. A notice without a time is another one each time.
 */
export function noticeFrom(message: NoticeMessage, openIssue: boolean, now: Date, id?: string): Notice {
  const { kind, severity, subject, facts, whatToDo, links, dedupKey, action, labels, time = now } = message;
  const content = JSON.stringify([kind, severity, subject, facts, whatToDo, links, dedupKey, action, labels, time]);
  const said = {
    severity: wordOf(SEVERITY, severity) ?? ("info" as const),
    action: wordOf(ACTION, action) ?? ("opens" as const),
    ...{ subject, facts, whatToDo, links, dedupKey, labels, openIssue },
  };
  const hash = createHash("sha256").update(content).digest("hex").slice(0, 32);
  const safe = safeNotice(bareNotice({ id: id ?? `notice:${hash}`, kind, time, ...said }));
  return { ...safe, agentId: safe.subject["agent"] ?? "", taskId: safe.subject["task"] ?? "" };
}

export function noticeMessage(notice: Notice): NoticeMessage {
  const { kind, severity, subject, facts, whatToDo, links, dedupKey, action, labels, time } = notice;
  return {
    ...{ kind, whatToDo, dedupKey, time },
    subject: { ...subject },
    facts: { ...facts },
    links: { ...links },
    labels: [...labels],
    severity: SEVERITY[severity],
    action: ACTION[action],
  };
}

export function deliveryMessage({ channel, state, tries, attempts, nextTime }: Delivery): DeliveryMessage {
  return {
    channel,
    state: STATE[state],
    attempts: tries,
    newestAttempts: attempts.map(({ time, tookMs, cause }) => ({ time, runTime: toDuration(tookMs), cause })),
    nextAttemptTime: nextTime,
  };
}

/** What was delivered has no number of attempts, because the list of release 0.2.0 has none. */
export const deliveredMessage = (delivered: Delivered): Notification => ({
  ...delivered,
  state: NotificationState.DELIVERED,
  attempts: 0,
  cause: "",
  nextAttemptTime: undefined,
});

export function undeliveredMessage({ notice, delivery }: Undelivered): Notification {
  const { id, kind: eventType, time: eventTime, taskId, agentId } = notice;
  const { channel, state, tries, attempts, nextTime } = delivery;
  return {
    ...{ id, eventType, eventTime, channel, taskId, agentId, deliveryTime: undefined },
    summary: summaryOf(notice),
    state: STATE[state],
    attempts: tries,
    cause: attempts.at(-1)?.cause ?? "",
    nextAttemptTime: nextTime,
  };
}

export const issueStateFrom = (state: IssueState, field: string): "open" | "closed" | undefined => {
  if (state === IssueState.UNSPECIFIED) return undefined;
  if (state === IssueState.OPEN) return "open";
  if (state === IssueState.CLOSED) return "closed";
  throw invalidFields([{ field, description: "must be OPEN, CLOSED or not set" }]);
};

export function watchedMessage(watched: WatchedState) {
  const none = { url: "", who: "", changeTime: undefined };
  if (!("url" in watched)) {
    return { ...none, state: watched.state === "none" ? IssueState.NONE : IssueState.UNSPECIFIED };
  }
  const { state, url, who, changeTime } = watched;
  return { state: state === "open" ? IssueState.OPEN : IssueState.CLOSED, url, who, changeTime };
}
