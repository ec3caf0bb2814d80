import { comma, time } from "../format.js";
import { overviewWords } from "../i18n/overview.js";
import { serverText } from "../i18n/server-texts.js";
import { wordOf } from "../i18n/states.js";
import { waitingIn } from "../parts/waiting.js";
import type { Alert, Answer, Executor, QueueStatus } from "../routes.js";
import { type Gate, scopeWords } from "../work/scope-words.js";
import type { LimitOutlook } from "./limits.js";

type Session = Answer<"GET /sessions">["sessions"][number];

/** What the first two lines are made from. Undefined: not known yet, or not for this person. */
export interface Situation {
  readonly queue: QueueStatus | undefined;
  readonly executors: readonly Executor[] | undefined;
  readonly limits: readonly LimitOutlook[];
  readonly alerts: readonly Alert[];
  readonly sessions: readonly Session[];
}

export interface Headline {
  readonly title: string;
  /** What follows from it, and when. */
  readonly lead: string;
  readonly idle: boolean;
}

/** The most serious fact gives the title. The second line counts the tasks, and says what follows and until when. */
export function headline(situation: Situation): Headline {
  const word = overviewWords();
  const { queue } = situation;
  if (queue === undefined) return { title: word.titles.unknown(), lead: "", idle: false };
  const running = queue.leased;
  const waiting = waitingIn(queue);
  const counts = word.counts(running, waiting);
  const fact = mostSerious(situation, queue, running, waiting);
  return { title: fact.title, lead: [counts, fact.follows].filter(Boolean).join(" "), idle: fact.idle ?? false };
}

export const isLost = ({ state }: Session): boolean => ["LOST", "WAITING", "CONFIRMING"].includes(state);
export const loginOf = ({ account }: Session): string => account?.account || account?.engine || "";
export const needsLook = ({ state, silencedBy }: Alert): boolean => state === "FIRING" && silencedBy.length === 0;

/** The page says it beside the limit itself: a limit that is near or used up needs no second place. */
export const isOfLimit = ({ labels }: Alert, limits: readonly LimitOutlook[]): boolean =>
  limits.some(({ kind, name, window, state }) => {
    if (state !== "near" && state !== "used-up") return false;
    if (kind === "budget") return labels["budget"] === name;
    return labels["window"] === window && (labels["account"] || labels["engine"]) === name;
  });

/**
 * The pauses in force, that of all tasks first. The emergency stop and used up budgets are facts of their own. So is what
 * the queue closes for itself: the login that is lost, or the limit.
 */
export const pausesOf = ({ gates }: QueueStatus): Gate[] =>
  gates
    .filter(({ scope, who, rampEndTime, budgets }) => {
      const byItself = who === "ccsp" || who.startsWith("ccsp/");
      return rampEndTime === undefined && budgets.length === 0 && !scope?.emergency && !byItself;
    })
    .toSorted((a, b) => Number(b.scope?.all ?? false) - Number(a.scope?.all ?? false));

/** Fewer than this are not worth a headline, even if nothing else waits: an agent is often at its cap. */
const FEWEST_CAPPED = 10;

/** The cap that holds most of what waits. */
export const capOf = (queue: QueueStatus): QueueStatus["caps"][number] | undefined =>
  queue.caps.find(({ waiting }) => waiting >= FEWEST_CAPPED && 2 * waiting > waitingIn(queue));

/** Until when a pause lasts. */
export function endOf({ openTime }: Gate): string {
  const word = overviewWords();
  return openTime ? word.opens(time(openTime)) : word.opensByHand;
}

interface Fact {
  readonly title: string;
  readonly follows: string;
  readonly idle?: boolean;
}

function mostSerious(situation: Situation, queue: QueueStatus, running: number, waiting: number): Fact {
  const word = overviewWords();
  const { titles } = word;
  const { emergency } = queue;
  if (emergency)
    return { title: titles.stopped(), follows: `${word.by(emergency.who, emergency.why)} ${word.opensByHand}` };
  const paused = pausesOf(queue).find(({ scope }) => scope?.all);
  if (paused) return { title: titles.paused(), follows: `${word.by(paused.who, paused.why)} ${endOf(paused)}` };
  if (situation.executors?.length === 0) return { title: titles.noExecutor(), follows: word.startExecutor };
  const lost = situation.sessions.filter(isLost);
  if (lost[0]) return { title: titles.loginLost(lost.length), follows: word.renewLogin(loginOf(lost[0])) };
  const [pause, ...morePauses] = pausesOf(queue);
  if (pause) {
    const names = [pause, ...morePauses].map(({ scope }) => scopeWords(scope)).join(comma());
    return { title: titles.pausedSome(names), follows: `${word.by(pause.who, pause.why)} ${endOf(pause)}` };
  }
  const usedUp = situation.limits.filter(({ state }) => state === "used-up");
  if (usedUp[0]) return { title: titles.usedUp(usedUp.length), follows: limitSentence(usedUp[0]) };
  const cap = capOf(queue);
  if (cap) return { title: titles.capped(scopeWords(cap.scope)), follows: word.capped(cap.running, cap.waiting) };
  const near = situation.limits.filter(({ state }) => state === "near");
  if (near[0]) return { title: titles.near(near.length), follows: limitSentence(near[0]) };
  const alerts = situation.alerts.filter(needsLook);
  if (alerts[0]) return { title: titles.alerts(alerts.length), follows: serverText(alerts[0].summary) };
  if (running > 0) return { title: titles.working(), follows: "" };
  if (waiting > 0) return { title: titles.waiting(), follows: "" };
  return { title: titles.idle(), follows: "", idle: true };
}

function limitSentence({ kind, name, window, state, exhaustTime, endTime }: LimitOutlook): string {
  const word = overviewWords();
  const end = endTime ? time(endTime) : "?";
  if (kind === "budget") {
    if (state === "used-up") return word.budgetFull(name, end);
    return exhaustTime ? word.budgetNear(name, time(exhaustTime)) : "";
  }
  const what = wordOf(word.windowsInText, window);
  if (state === "used-up") return word.windowFull(name, what, end);
  return exhaustTime ? word.windowNear(name, what, time(exhaustTime), end) : "";
}
