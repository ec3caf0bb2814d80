import { count } from "../output/words.js";
import type { Finding } from "./finding.js";

const PAUSE_MS = 2_000;

interface Waiting {
  /** How long after the start a look may begin. 0: it looks once. */
  readonly waitMs: number;
  /** Milliseconds of a clock. */
  readonly now: () => number;
  readonly pause: (ms: number) => Promise<void>;
  /** Is told once, when the first look finds a failure. */
  readonly tell: (line: string) => void;
}

/** Looks again every 2 s until nothing fails, or until the time is over. Resolves with what the last look found. */
export async function lookAgain(
  look: () => Promise<readonly Finding[]>,
  { waitMs, now, pause, tell }: Waiting,
): Promise<readonly Finding[]> {
  const until = now() + waitMs;
  for (let isFirst = true; ; isFirst = false) {
    const findings = await look();
    const failures = findings.filter(({ state }) => state === "fail").length;
    if (failures === 0 || now() + PAUSE_MS > until) return findings;
    if (isFirst) tell(`${count(failures, "failure")}: it looks again for at most ${waitMs / 1000} s`);
    await pause(PAUSE_MS);
  }
}
