import { comma, duration, time } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { waitingIn } from "../parts/waiting.js";
import type { QueueStatus } from "../routes.js";
import { type Gate, scopeWords } from "../work/scope-words.js";
import { loadOf } from "./loads.js";

/** How the queue is, and what follows from it. */
export function headline(status: QueueStatus | undefined): { readonly title: string; readonly lead: string } {
  const word = queueWords();
  if (!status) return { title: word.loading, lead: "" };
  const waiting = waitingIn(status);
  const { oldest } = loadOf(status.depths);
  return { title: titleOf(status, waiting, oldest), lead: leadOf(status) };
}

export const isClosed = ({ rampEndTime }: Gate): boolean => rampEndTime === undefined;
/** The emergency stop has its own button on every page. */
export const gatesOf = ({ gates }: QueueStatus): Gate[] => gates.filter(({ scope }) => !scope?.emergency);

function titleOf(status: QueueStatus, waiting: number, oldest: number | undefined): string {
  const word = queueWords();
  if (status.emergency) return word.stopped(waiting);
  if (gatesOf(status).some((gate) => gate.scope?.all && isClosed(gate))) return word.paused(waiting);
  if (waiting === 0) return word.idle;
  return oldest === undefined ? word.titleNoAge(waiting) : word.title(waiting, duration(oldest));
}

function leadOf(status: QueueStatus): string {
  const word = queueWords();
  const { emergency, leased, parked, scheduled, executors } = status;
  const forATime = parked + scheduled;
  const counts = [word.running(leased), forATime > 0 && word.heldFor(forATime)];
  if (emergency) return join([...counts, word.gate(scopeWords({ emergency: true }), emergency.who, emergency.why)]);
  if (executors.length === 0) return join([...counts, word.noExecutor]);
  const [gate, ...more] = gatesOf(status).filter(isClosed);
  if (!gate) return join([...counts, word.open]);
  const reason =
    gate.budgets.length > 0 ? word.budgetGate(gate.budgets.map(({ budget }) => budget).join(comma())) : gate.why;
  return join([
    ...counts,
    word.gate(scopeWords(gate.scope), gate.who || "ccsp", reason),
    gate.openTime ? word.itOpens(time(gate.openTime)) : word.itStays,
    more.length > 0 && word.moreGates(more.length),
  ]);
}

const join = (parts: readonly (string | false)[]): string => parts.filter(Boolean).join(" ");
