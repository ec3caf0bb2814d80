import { readFileSync } from "node:fs";

/** How long programs may start without progress, if nobody says otherwise. */
export const START_LIMIT_MS = 60_000;

/** What is known of a start at a look. */
export interface Signs {
  /** How many steps are done, such as "it answers" or "it is ready". */
  readonly steps: number;
  /** The processor time of the programs that do not answer yet. They may still load. */
  readonly loadingSeconds: number;
}

/** So much processor time is progress. A program that only waits and tries again uses less within the limit. */
const WORK_SECONDS = 1;
/** A longer time between two looks is one in which this program did not run, and those that it waits for neither. */
const MOST_BETWEEN_MS = 5_000;

/**
 * Says how long to wait for programs that start: as long as they make progress. Progress is a step that is done for the
 * first time, or processor time of a program that loads. So a start on a busy machine may take as long as it needs, and
 * a start that waits for what does not come ends after `limitMs`.
 */
export function createPatience(limitMs: number, now: () => number = () => performance.now()) {
  let lookedMs = now();
  let quietMs = 0;
  let [steps, seconds] = [0, 0];
  return {
    /** Whether there was no progress for the whole limit. */
    isOver(signs: Signs): boolean {
      const nowMs = now();
      quietMs += Math.min(nowMs - lookedMs, MOST_BETWEEN_MS);
      lookedMs = nowMs;
      // Another program may be the one that loads now.
      seconds = Math.min(seconds, signs.loadingSeconds);
      if (signs.steps > steps || signs.loadingSeconds >= seconds + WORK_SECONDS) {
        quietMs = 0;
        steps = Math.max(steps, signs.steps);
        seconds = signs.loadingSeconds;
      }
      return quietMs > limitMs;
    },
  };
}

/** The clock of the kernel's answer: 100 on every Linux, whatever its own clock is. */
const TICKS_PER_SECOND = 100;
/** A program that has worked for longer does not load: it is in an endless loop. */
const MOST_WORK_SECONDS = 600;

/** The processor time of a process and of its children that have ended. 0 where the system does not say it. */
export function workSeconds(pid: number): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name of the program is in parentheses and may contain anything. Behind it are the state and numbers.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    return Math.min(ticks / TICKS_PER_SECOND, MOST_WORK_SECONDS);
  } catch {
    return 0;
  }
}

const POLL_MS = 50;
/** Looks take at most a fifth of the time: on a busy machine, each look takes time from what it waits for. */
const POLL_SHARE = 4;
const LONGEST_POLL_MS = 2_000;

/** The wait before the next look, after one that took `tookMs`. */
export const pollMs = (tookMs: number): number => Math.min(Math.max(POLL_MS, POLL_SHARE * tookMs), LONGEST_POLL_MS);
