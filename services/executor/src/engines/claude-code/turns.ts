import { at, countAt, type Ending, type Json, listAt, textAt } from "@ccsp/engine-kit";

/** The turns of one run. The first answers the prompt; another follows when work that it left in the background has something to tell. */
export interface Turns {
  /** Takes `system/init`: a turn begins. */
  begin(): void;
  /** Takes `system/background_tasks_changed`: all that works in the background from now on. */
  tasks(line: Json): void;
  /** Takes the `result` of a turn. */
  end(line: Json): void;
  /** Its last word, when the CLI says that nothing is left to do. */
  readonly ending: Ending | undefined;
  /** Takes its exit: when it ended by itself and well, nothing was left. */
  exit(code: number | null): Ending | undefined;
}

/**
 * Follows whether the CLI has more to do. 2.1.332 says what works in the background and how many turns wait. 2.1.197 does not, and ends background
 * commands itself, 5 s after its input is closed; so each of its results is taken for the last until another turn begins.
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
      // The others are no work of this process that anybody waits for.
      working = listAt(line, "tasks").filter(
        (task) => at(task, "ambient") !== true && at(task, "off_host") !== true,
      ).length;
    },
    end(line) {
      under = false;
      queued = countAt(line, "queued_turn_count") ?? 0;
      turns += countAt(line, "num_turns") ?? 0;
      last = {
        // The one to trust: subtype says success on errors too.
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
