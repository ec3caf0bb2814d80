/** The part of a service's log line that is used here. */
interface Entry {
  readonly level?: unknown;
  readonly msg?: unknown;
  readonly err?: { readonly message?: unknown };
}

const MOST_OF_A_LINE = 400;

/**
 * The line that says why a process ended, out of its last lines: the first fatal one of its log, otherwise the first
 * error, otherwise what Redis says at its end, otherwise the first line that is not a line of a log. Undefined when it
 * wrote nothing like that.
 */
export function fatalLine(lines: readonly string[]): string | undefined {
  const entries = lines.flatMap((line) => entryOf(line) ?? []);
  for (const level of ["fatal", "error"]) {
    const entry = entries.find((each) => each.level === level);
    if (entry) return short(textOf(entry));
  }
  const plain = lines.filter((line) => line.trim() !== "" && entryOf(line) === undefined);
  const redis = endOfRedis(plain);
  if (redis !== undefined) return short(redis);
  const at = Math.max(
    0,
    plain.findIndex((line) => SAYS_WHY.test(line)),
  );
  const first = plain[at]?.trim();
  // "the configuration has a fault:" is continued on the next line.
  return first && short(first.endsWith(":") ? `${first} ${plain[at + 1]?.trim() ?? ""}`.trim() : first);
}

/** A line of Redis' log: process and role, time, level (`#` is the most serious), text. */
const OF_REDIS = /^\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)$/;
const CONFIGURATION_FAULT = /^\*\*\* FATAL CONFIG FILE ERROR/;

/**
 * Redis warns of the machine's settings at each start, so its first serious line is not the reason. The last one is. A
 * fault in the configuration is not logged. It is printed in three lines after a title.
 */
function endOfRedis(lines: readonly string[]): string | undefined {
  const title = lines.findIndex((line) => CONFIGURATION_FAULT.test(line));
  if (title >= 0) {
    const fault = lines.slice(title + 1, title + 4).map((line) => line.replace(/^>>> /, "").trim());
    return fault.join(": ");
  }
  const serious = lines.flatMap((line) => {
    const [, level, text] = OF_REDIS.exec(line) ?? [];
    return level === "#" && text !== undefined ? text : [];
  });
  return serious.slice(/check server logs/.test(serious.at(-1) ?? "") ? -2 : -1).join(": ") || undefined;
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
