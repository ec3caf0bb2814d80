import {
  ACTIONS,
  type Attempt,
  bareNotice,
  type Delivery,
  type Incident,
  type Notice,
  SEVERITIES,
} from "../domain/notice.js";

/** The JSON of a notice in Redis. Unknown members are ignored, and missing ones get their defaults. */
export const noticeJson = (notice: Notice): string => JSON.stringify(notice);

export interface StoredNotice {
  readonly notice: Notice;
  readonly repeats: number;
}

/** Reads what a script stored: the names of the channels, a line end, and JSON. */
export function storedNotice(stored: string): { channels: readonly string[] } & StoredNotice {
  const end = stored.indexOf("\n");
  const { notice, repeats } = record(JSON.parse(stored.slice(end + 1)));
  return {
    channels: stored
      .slice(0, end)
      .split(",")
      .filter((name) => name !== ""),
    notice: noticeFrom(notice),
    repeats: typeof repeats === "number" ? repeats : 0,
  };
}

function noticeFrom(json: unknown): Notice {
  const stored = record(json);
  const { issueState, endTime, channels } = stored;
  return bareNotice({
    id: text(stored["id"]),
    kind: text(stored["kind"]),
    time: time(stored["time"]) ?? new Date(0),
    severity: SEVERITIES.find((each) => each === stored["severity"]) ?? "info",
    action: ACTIONS.find((each) => each === stored["action"]) ?? "opens",
    taskId: text(stored["taskId"]),
    agentId: text(stored["agentId"]),
    subject: texts(stored["subject"]),
    facts: texts(stored["facts"]),
    whatToDo: text(stored["whatToDo"]),
    links: texts(stored["links"]),
    dedupKey: text(stored["dedupKey"]),
    labels: list(stored["labels"]).map(text),
    traceparent: text(stored["traceparent"]),
    openIssue: stored["openIssue"] === true,
    ...(issueState === "open" || issueState === "closed" ? { issueState } : {}),
    ...(endTime === undefined ? {} : { endTime: time(endTime) }),
    ...(Array.isArray(channels) ? { channels: channels.map(text) } : {}),
  });
}

/** What a worker writes into the record of a delivery besides what the scripts need. */
export function deliveryJson(stored: string, delivery: Delivery, dueMs: number): string {
  const { key, lane, token, since } = record(JSON.parse(stored));
  const { state, tries } = delivery;
  const attempts = delivery.attempts.map(({ time, tookMs, cause }) => ({ at: time.getTime(), took: tookMs, cause }));
  return JSON.stringify({ state, since, tries, attempts, key, lane, token, due: dueMs });
}

export function storedDelivery(channel: string, stored: string): Delivery {
  const { state, since, tries, attempts, due } = record(JSON.parse(stored));
  return {
    channel,
    state: state === "delivered" || state === "dead" ? state : "waiting",
    since: new Date(number(since)),
    tries: number(tries),
    attempts: list(attempts).map(attemptFrom),
    nextTime: state === "waiting" ? new Date(number(due)) : undefined,
  };
}

/** How many attempts before the present one have no stored end. */
export function lostAttempts(stored: string): number {
  const { claims } = record(JSON.parse(stored));
  return Math.max(0, number(claims) - 1);
}

function attemptFrom(json: unknown): Attempt {
  const { at, took, cause } = record(json);
  return { time: new Date(number(at)), tookMs: number(took), cause: text(cause) };
}

export function storedIncident(stored: string): Incident {
  const { open, issue, refs } = record(JSON.parse(stored));
  return { open: open === true, issue: issue === true, refs: texts(refs) };
}

const record = (json: unknown): Record<string, unknown> =>
  typeof json === "object" && json !== null && !Array.isArray(json) ? { ...json } : {};
// Lua writes an empty list as `{}`.
const list = (json: unknown): readonly unknown[] => (Array.isArray(json) ? json : []);
const text = (json: unknown): string => (typeof json === "string" ? json : "");
const number = (json: unknown): number => (typeof json === "number" ? json : 0);
const time = (json: unknown): Date | undefined => (typeof json === "string" ? new Date(json) : undefined);
const texts = (json: unknown): Record<string, string> =>
  Object.fromEntries(Object.entries(record(json)).map(([key, value]) => [key, text(value)]));
