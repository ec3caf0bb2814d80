/** The part of a service's log line that is used here. */
interface Entry {
  readonly level?: unknown;
  readonly msg?: unknown;
  readonly err?: { readonly message?: unknown };
}

const MOST_OF_A_LINE = 400;

/**
 * The line that says why a process ended, out of its last lines: the first fatal one of its log, otherwise the first
 * error, otherwise the first line that is not a line of a log. Undefined when it wrote nothing like that.
 */
export function fatalLine(lines: readonly string[]): string | undefined {
  const entries = lines.flatMap((line) => entryOf(line) ?? []);
  for (const level of ["fatal", "error"]) {
    const entry = entries.find((each) => each.level === level);
    if (entry) return short(textOf(entry));
  }
  const plain = lines.filter((line) => line.trim() !== "" && entryOf(line) === undefined);
  const at = Math.max(
    0,
    plain.findIndex((line) => SAYS_WHY.test(line)),
  );
  const first = plain[at]?.trim();
  // "the configuration has a fault:" is continued on the next line.
  return first && short(first.endsWith(":") ? `${first} ${plain[at + 1]?.trim() ?? ""}`.trim() : first);
}

/** Before its reason, a program may print a banner. */
const SAYS_WHY = /\b(fatal|error|fault|cannot|can't|could not|failed|must|not)\b/i;

function entryOf(line: string): Entry | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const entry: Entry = JSON.parse(line);
    return entry;
  } catch {
    return undefined;
  }
}

function textOf({ msg, err }: Entry): string {
  const parts = [msg, err?.message].filter((part) => typeof part === "string" && part !== "");
  return parts.join(": ").split("\n", 1).join();
}

const short = (line: string): string => (line.length > MOST_OF_A_LINE ? `${line.slice(0, MOST_OF_A_LINE)} …` : line);
