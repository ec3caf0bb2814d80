import { at, countAt, type Ending, type Json, listAt, textAt } from "@ccsp/engine-kit";

/**
 * The turns of one run. The first turn answers the prompt. Another turn follows when background work of the run has
 * something to report.
 */
export interface Turns {
  /** Takes `system/init`: a turn begins. */
  begin(): void;
  /** Takes `system/background_tasks_changed`: the complete list of background tasks from now on. */
  tasks(line: Json): void;
  /** Takes the `result` of a turn. */
  end(line: Json): void;
  /** The ending of the last turn, once the CLI says that nothing is left to do. Undefined before that. */
  readonly ending: Ending | undefined;
  /**
   * Takes the exit code. If the CLI exits with 0 between turns, no work is left. Then this is the ending of the last
   * turn.
   */
  exit(code: number | null): Ending | undefined;
}

/**
 * Follows whether the CLI has more to do. CLI 2.1.332 says which tasks work in the background and how many turns wait.
 * CLI 2.1.197 does not say it, and ends background commands itself, 5 s after its input is closed. So each of its
 * results counts as the last one until another turn begins.
 */
export function createTurns(): Turns {
  let last: Ending | undefined;
  let under = false;
  let working = 0;
  let queued = 0;
  let turns = 0;

  return {
    begin() {
      under = true;
    },
    tasks(line) {
      // The run does not wait for ambient tasks or for tasks on another host.
      working = listAt(line, "tasks").filter(
        (task) => at(task, "ambient") !== true && at(task, "off_host") !== true,
      ).length;
    },
    end(line) {
      under = false;
      queued = countAt(line, "queued_turn_count") ?? 0;
      turns += countAt(line, "num_turns") ?? 0;
      last = {
        // `is_error` is the reliable field: `subtype` says success on errors too.
        ok: at(line, "is_error") === false,
        text: textAt(line, "result") ?? listAt(line, "errors").filter(isText).join("\n"),
        turns,
      };
    },
    get ending() {
      return under || working > 0 || queued > 0 ? undefined : last;
    },
    exit: (code) => (code === 0 && !under ? last : undefined),
  };
}

const isText = (value: Json): value is string => typeof value === "string";
