import { setTimeout as sleep } from "node:timers/promises";
import { askHealth } from "./health.js";
import type { Part } from "./plan.js";
import type { Running } from "./unit-process.js";

const POLL_MS = 50;

/** Resolves when every part is ready and reaches what it depends on, so that the fleet does what it is asked from then on; rejects, naming each that is not and why, when one will not be started again or time is up. */
export async function untilAllReady(running: readonly Running[], timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    // Asked first, so that what is missing tells of it.
    const hopeless = running.some(({ supervisor }) => supervisor.gaveUp);
    const missing = (await Promise.all(running.map(whatIsMissing))).filter((reason) => reason !== undefined);
    if (missing.length === 0) return;
    if (hopeless || Date.now() > deadline) throw new Error(`not ready: ${missing.join("\n")}`);
    await sleep(POLL_MS);
  }
}

async function whatIsMissing({ unit, supervisor }: Running): Promise<string | undefined> {
  if (supervisor.gaveUp) return `${unit.name} ended: ${supervisor.process.lastLines().join("\n")}`;
  // Whoever answers on its port meanwhile is not it.
  if (!supervisor.up)
    return `${unit.name} ended and is about to be restarted: ${supervisor.process.lastLines().at(-1) ?? ""}`;
  const reasons = await Promise.all(unit.parts.map(whyNotReady));
  const missing = unit.parts.flatMap(({ name }, at) => (reasons[at] === undefined ? [] : [`${name} ${reasons[at]}`]));
  if (missing.length === 0) return undefined;
  const last = supervisor.process.lastLines().at(-1);
  return `${unit.name}: ${missing.join(", ")}${last === undefined ? "" : `; its last line: ${last}`}`;
}

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
