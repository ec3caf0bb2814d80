import { count } from "../output/words.js";
import { CliError, EXIT } from "../process/exit.js";

/** Last characters of an id in a table. They are random; the first ones are the time, which neighbours share. */
const SHORT = 8;
/** Fewer characters are taken for a mistake. */
const FEWEST = 4;
/** Tasks that are looked through for a short id. */
export const MOST_SEARCHED = 2_000;

const LETTER = "[0-9a-hjkmnp-tv-z]";
const WHOLE = new RegExp(`^\\d+-${LETTER}{26}$`);
const PART = new RegExp(`^${LETTER}{${FEWEST},25}$`, "i");

/** What every command says of its argument. */
export const TASK_ARGUMENT = "task id, or the end of it as lists show it";

/** The form of a task's id that tables show and that every command takes. */
export const shortId = (id: string): string => (WHOLE.test(id) ? id.slice(-SHORT) : id);

/** Whether `text` names this id: it is the id, or its end. */
export const names = (text: string, id: string): boolean =>
  id === text || (PART.test(text) && id.endsWith(text.toLowerCase()));

/**
 * The id of the task that a user names by its id or by the end of it. Looks only through the newest tasks that the
 * caller may see, because an index of short ids would cost the queue memory. Other texts are returned as they are: the
 * service then says what is wrong. Throws when no task fits, or several do.
 *
 * @param newest The tasks of the caller, newest first. Used for a short id only.
 */
export async function wholeId(text: string, newest: () => AsyncIterable<{ readonly id: string }>): Promise<string> {
  if (!PART.test(text)) return text;
  const found: string[] = [];
  let searched = 0;
  for await (const { id } of newest()) {
    if (searched === MOST_SEARCHED) break;
    searched += 1;
    if (names(text, id)) found.push(id);
  }
  const [only, ...others] = found;
  if (only === undefined) {
    const where = `${searched === MOST_SEARCHED ? "the newest" : "the"} ${count(searched, "task")}`;
    const hint = "the option -o wide of a list shows whole ids";
    throw new CliError(EXIT.notFound, `no task: none of ${where} that you may see ends with ${text}; ${hint}`);
  }
  if (others.length === 0) return only;
  throw new CliError(
    EXIT.usage,
    `${text} matches the end of ${found.length} task ids; give more characters:`,
    found.slice(0, 10),
  );
}
