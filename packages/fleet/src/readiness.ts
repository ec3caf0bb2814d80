import { setTimeout as sleep } from "node:timers/promises";
import { askHealth } from "./health.js";
import type { Part } from "./plan.js";
import type { Running } from "./unit-process.js";

const POLL_MS = 50;
const MOST_OF_A_LINE = 300;

/**
 * Resolves when every part is ready and reaches its dependencies, so that the fleet can do its work from then on.
 * Rejects immediately if a part will not be started again, because the other parts may wait for it without end. The
 * error then has the last output of that part. Rejects when the time is up, and names each part that is not ready, with
 * the reason.
 */
export async function untilAllReady(running: readonly Running[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const hopeless = running.filter(({ supervisor }) => supervisor.gaveUp);
    if (hopeless.length > 0) throw new Error(hopeless.map(lastWords).join("\n"));
    const missing = (await Promise.all(running.map(whatIsMissing))).filter((reason) => reason !== undefined);
    if (missing.length === 0) return;
    if (Date.now() > deadline) throw new Error(missing.join("\n"));
    await sleep(POLL_MS);
  }
}

const lastWords = ({ unit, supervisor }: Running): string =>
  `${unit.name} ended: ${supervisor.process.lastLines().join("\n")}`;

async function whatIsMissing({ unit, supervisor }: Running): Promise<string | undefined> {
  // The unit is down, so an answer on its port would come from another process.
  if (!supervisor.up)
    return `${unit.name} ended and is about to be restarted: ${supervisor.process.lastLines().at(-1) ?? ""}`;
  const reasons = await Promise.all(unit.parts.map(whyNotReady));
  const missing = unit.parts.flatMap(({ name }, at) => (reasons[at] === undefined ? [] : [`${name} ${reasons[at]}`]));
  if (missing.length === 0) return undefined;
  const last = supervisor.process.lastLines().at(-1);
  return `${unit.name}: ${missing.join(", ")}${last === undefined ? "" : `; its last line: ${short(last)}`}`;
}

/** A log line may contain a stack trace. */
const short = (line: string): string => (line.length > MOST_OF_A_LINE ? `${line.slice(0, MOST_OF_A_LINE)} …` : line);

async function whyNotReady(part: Part): Promise<string | undefined> {
  try {
    const { state, failing } = await askHealth(part.ports.ops, 2_500);
    const missing = Object.entries(failing).map(([dependency, why]) => `${dependency}: ${why}`);
    if (state === "ready" && missing.length === 0) return undefined;
    return [`is ${state}`, ...missing].join("; ");
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message : String(cause);
  }
}
