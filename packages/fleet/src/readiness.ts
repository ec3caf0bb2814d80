import { setTimeout as sleep } from "node:timers/promises";
import { whyNotReady } from "./part-state.js";
import type { Running } from "./unit-process.js";

const POLL_MS = 50;
const MOST_OF_A_LINE = 300;

/**
 * Resolves when every part is ready and reaches its dependencies, so that the fleet can do its work from then on.
 * Rejects immediately if a part will not be started again, because the other parts may wait for it without end. The
 * error then has the last output of that part. Rejects when the time is up, and names each part that is not ready, with
 * the reason. Rejects when the signal aborts.
 */
async function pollAllReady(
  running: readonly Running[],
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    if (signal.aborted) throw new Error("the fleet was stopped");
    const hopeless = running.filter(({ supervisor }) => supervisor.gaveUp);
    if (hopeless.length > 0) {
      // The end of a part that was never ready has a better error, which may come a moment later.
      await Promise.race([Promise.all(hopeless.map(({ firstStart }) => firstStart.outcome)), sleep(POLL_MS)]);
      throw new Error(hopeless.map(lastWords).join("\n"));
    }
    const missing = (await Promise.all(running.map(whatIsMissing))).filter((reason) => reason !== undefined);
    if (missing.length === 0) return;
    if (Date.now() > deadline) throw new Error(missing.join("\n"));
    await sleep(POLL_MS);
  }
}

/** As `pollAllReady`. Rejects with a PartFailed as soon as a part ends that was never ready. */
export async function untilAllReady(
  running: readonly Running[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const done = new AbortController();
  const signal = AbortSignal.any([done.signal, options.signal]);
  try {
    // A caller may kill a process as soon as this resolves: it has to count as one that was ready then. And a person
    // who waits for a fleet sees every part reported before it.
    await Promise.all([
      pollAllReady(running, { ...options, signal }),
      ...running.map(({ firstStart }) => firstStart.outcome),
    ]);
  } finally {
    done.abort();
  }
}

const lastWords = ({ unit, supervisor }: Running): string =>
  `${unit.name} ended: ${supervisor.process.lastLines().join("\n")}`;

async function whatIsMissing({ unit, supervisor }: Running): Promise<string | undefined> {
  // The unit is down, so an answer on its port would come from another process.
  if (!supervisor.up)
    return `${unit.name} ended and is about to be restarted: ${supervisor.process.lastLines().at(-1) ?? ""}`;
  const reasons = await Promise.all(unit.parts.map(whyNotReady));
  const missing = unit.parts.flatMap(({ name }, at) =>
    reasons[at]?.why === undefined ? [] : [`${name} ${reasons[at].why}`],
  );
  if (missing.length === 0) return undefined;
  const last = supervisor.process.lastLines().at(-1);
  return `${unit.name}: ${missing.join(", ")}${last === undefined ? "" : `; its last line: ${short(last)}`}`;
}

/** A log line may contain a stack trace. */
const short = (line: string): string => (line.length > MOST_OF_A_LINE ? `${line.slice(0, MOST_OF_A_LINE)} …` : line);
