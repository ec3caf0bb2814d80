import type { Evidence, TaskFacts } from "./evidence.js";
import type { Entry } from "./journal.js";
import { stateName, withoutPlace } from "./task-log.js";

/** A broken promise and its evidence. */
export interface Violation {
  readonly what: string;
  /** The id of the task. Empty if the promise is about no single task. */
  readonly task: string;
  readonly evidence: string;
}

const END_EVENTS: Readonly<Record<string, string>> = {
  SUCCEEDED: "task.completed",
  FAILED: "task.failed",
  CANCELLED: "task.cancelled",
};

/** Returns every promise of the queue that the evidence shows to be broken. It is a pure function. */
export function findViolations(evidence: Evidence): Violation[] {
  const { agents, tasks, events, eventsTrimmed, failedOver } = evidence;
  const byTask = groupBy(evidence.journal, ({ task }) => task);
  const found: Violation[] = [];

  for (const [task, agent] of agents.accepted) {
    const facts = tasks.get(task);
    if (facts?.agent !== agent) {
      found.push({ what: "an accepted task is lost", task, evidence: `accepted for ${agent}, found: ${facts?.agent}` });
      continue;
    }
    const say = (what: string, shown: unknown): void =>
      void found.push({ what, task, evidence: `${text(shown)}\n${describe(facts, byTask.get(task))}` });
    checkLog(facts, say);
    checkJournal(facts, byTask.get(task) ?? [], say);
    if (!failedOver) checkTexts(facts, byTask.get(task) ?? [], say);
    if (eventsTrimmed === 0) checkEvents(facts, events.get(task) ?? [], say);
    const watched = agents.watched.get(task);
    if (watched) checkWatched(facts, { watched, failedOver }, say);
    const told = agents.ends.get(task);
    if (told !== undefined && stateName(told) !== facts.state) say("an agent saw another end", stateName(told));
  }
  for (const [task, { agent }] of tasks) {
    if (!agents.accepted.has(task)) found.push({ what: "a task exists that was not accepted", task, evidence: agent });
  }
  if (eventsTrimmed > 0) {
    found.push({ what: "events were dropped, so they cannot be checked", task: "", evidence: `${eventsTrimmed}` });
  }
  return [...found, ...fenceViolations(evidence.journal)];
}

type Say = (what: string, shown: unknown) => void;

function checkLog({ state, log }: TaskFacts, say: Say): void {
  if (!(state in END_EVENTS)) {
    say("a task has not ended", state);
    return;
  }
  if (log.some(({ sequence }, index) => sequence !== index + 1))
    say(
      "a log has a gap",
      log.map((each) => each.sequence),
    );
  const ends = log.flatMap(({ ended }) => ended ?? []);
  if (ends.length !== 1 || log.at(-1)?.ended === undefined)
    say("a log does not have exactly one end, as its last entry", ends);
  else if (ends[0] !== state) say("the log and the state of a task differ", ends);
}

/** Compares the answers that executors got with the committed state. */
function checkJournal({ state, result }: TaskFacts, entries: readonly Entry[], say: Say): void {
  const completed = new Set(entries.flatMap((entry) => (entry.what === "completed" ? [entry.fence] : [])));
  if (completed.size > 1) say("Complete was OK for two leases", [...completed]);
  if (completed.size > 0 && state !== "SUCCEEDED") say("Complete was OK but the task did not succeed", state);
  if (state === "SUCCEEDED") {
    const [, by, fence] = / by (\S+) with (\d+)$/.exec(result ?? "") ?? [];
    const leased = entries.some((entry) => entry.what === "leased" && entry.fence === fence && entry.executor === by);
    if (!leased) say("the result does not belong to a lease", result);
    else if (completed.size > 0 && !completed.has(fence ?? ""))
      say("the result is not the one that the queue accepted", result);
  }
  for (const entry of entries) {
    if (entry.what === "failed" && /^(FAILED|CANCELLED)$/.test(entry.state) && entry.state !== state) {
      say("Fail ended the task, but the task has another end", entry);
    }
  }
}

/** A failover may lose an entry that a watcher saw, but not the end. */
function checkWatched(
  { log }: TaskFacts,
  { watched, failedOver }: { readonly watched: readonly string[]; readonly failedOver: boolean },
  say: Say,
): void {
  const lines = log.map(({ line }) => line);
  const [seen = "", end = ""] = [watched.at(-1), lines.at(-1)];
  if (withoutPlace(seen) !== withoutPlace(end)) say("a watcher saw another end", seen);
  else if (!failedOver && watched.join("\n") !== lines.join("\n")) say("a watcher saw another log", watched);
}

/**
 * The deltas of a lease are numbered from 1. None may be missing, doubled or out of order, and every delta of a report
 * that was answered OK must be there.
 */
function checkTexts({ state, log }: TaskFacts, entries: readonly Entry[], say: Say): void {
  if (!(state in END_EVENTS)) return;
  const counts = new Map<string, number>();
  for (const { text: delta } of log) {
    if (delta === undefined) continue;
    const [fence = "", number] = delta.slice(0, -1).split(":");
    const expected = (counts.get(fence) ?? 0) + 1;
    if (Number(number) !== expected) say("a report is missing, repeated or out of order", delta);
    counts.set(fence, Number(number));
  }
  for (const entry of entries) {
    if (entry.what === "reported" && (counts.get(entry.fence) ?? 0) < entry.texts)
      say("an accepted report is lost", entry);
  }
}

function checkEvents({ state, attempt }: TaskFacts, events: readonly string[], say: Say): void {
  if (!(state in END_EVENTS)) return;
  const count = (type: string): number => events.filter((each) => each === type).length;
  if (count("task.enqueued") !== 1) say("there is not exactly one task.enqueued", events);
  const ends = events.filter((type) => Object.values(END_EVENTS).includes(type));
  if (ends.length !== 1 || ends[0] !== END_EVENTS[state]) say("there is not exactly one event for the end", events);
  if (count("task.started") !== attempt) say("there is not one task.started for each attempt", events);
}

/**
 * A fence is granted to one boot of one executor, for one task. Each shard has its own fences. A task id begins with
 * its shard.
 */
function fenceViolations(journal: readonly Entry[]): Violation[] {
  const holders = new Map<string, string>();
  return journal.flatMap(({ what, task, fence, executor, boot }): Violation[] => {
    if (what !== "leased") return [];
    const holder = `${task} ${executor} ${boot}`;
    const lease = `${task.split("-")[0]} ${fence}`;
    const before = holders.get(lease);
    holders.set(lease, holder);
    if (before === undefined || before === holder) return [];
    return [{ what: "a fence was granted twice", task, evidence: `${fence}: ${before} and ${holder}` }];
  });
}

/** Answers that no promise allows, to agents and to executors. */
export function unexpectedAnswers(journal: readonly Entry[], toAgents: readonly string[]): Violation[] {
  const toExecutors = journal.flatMap((entry): Violation[] =>
    entry.what === "unexpected" ? [{ what: "an unexpected answer", task: entry.task, evidence: text(entry) }] : [],
  );
  return [...toExecutors, ...toAgents.map((evidence) => ({ what: "an unexpected answer", task: "", evidence }))];
}

export function groupBy<T>(all: readonly T[], keyOf: (each: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const each of all) {
    const group = groups.get(keyOf(each));
    if (group) group.push(each);
    else groups.set(keyOf(each), [each]);
  }
  return groups;
}

const text = (shown: unknown): string => (typeof shown === "string" ? shown : JSON.stringify(shown));

function describe({ state, attempt, log }: TaskFacts, journal: readonly Entry[] = []): string {
  const told = journal.toSorted((a, b) => a.at - b.at).map((entry) => JSON.stringify(entry));
  return [`${state} after ${attempt} attempts; its log:`, ...log.map(({ line }) => line), "executors:", ...told]
    .map((line) => `    ${line}`)
    .join("\n");
}
