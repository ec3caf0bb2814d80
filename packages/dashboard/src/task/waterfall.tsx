import { comma, duration, time } from "../format.js";
import { taskWords } from "../i18n/task.js";
import { taskTone } from "../parts/text.js";
import { Timeline, type TimelineRow } from "../parts/timeline.js";
import type { Attempt, Story, Wait } from "./story.js";

/** The provider's limits do not use up attempts. */
const FREE_OF_ATTEMPT: readonly string[] = ["RATE_LIMIT", "USAGE_WINDOW", "OVERLOADED", "SESSION_TIMEOUT"];
/** A wait after the first one that is shorter tells nothing. */
const SHORT_MS = 100;

/** The story of a task, drawn on one scale. `blocked` is why it waits now. */
export function Waterfall({
  story,
  now,
  blocked,
}: {
  readonly story: Story;
  readonly now: number;
  readonly blocked: string | undefined;
}) {
  const rows = story.flatMap((phase, index) => {
    if (phase.kind === "attempt") return attemptRows(phase, now);
    const short = index > 0 && phase.to !== undefined && phase.to - phase.from < SHORT_MS;
    return short ? [] : [waitRow(phase, now, blocked)];
  });
  return <Timeline label={taskWords().happened} rows={rows} />;
}

function waitRow({ state, from, to, reason, error, readyTime }: Wait, now: number, blocked: string | undefined) {
  const word = taskWords();
  const open = to === undefined;
  const causes = [
    duration((to ?? now) - from),
    reason || error?.message,
    open && readyTime && word.triedAgain(time(readyTime)),
    open && !readyTime && blocked,
  ];
  const label = { PARKED: word.parked, SCHEDULED: word.scheduled }[state] ?? word.waited;
  return { label, bars: [{ from, to: to ?? now, tone: taskTone(state) }], cause: joined(causes) };
}

function attemptRows(attempt: Attempt, now: number): TimelineRow[] {
  const word = taskWords();
  const { from, to = now, number, state, runs, firstText, error, reason, tools, texts } = attempt;
  const causes = [
    duration(to - from),
    error?.message ?? reason,
    error && FREE_OF_ATTEMPT.includes(error.category) && word.noAttempt,
    !error && firstText !== undefined && word.firstText(duration(firstText - (runs ?? from))),
  ];
  const inner = (
    label: string,
    bars: readonly { from: number; to?: number }[],
    tone: "runs" | "waits",
    cause: string,
  ) =>
    bars.length === 0
      ? []
      : [{ label, inner: true, cause, bars: bars.map((bar) => ({ from: bar.from, to: bar.to ?? to, tone })) }];
  return [
    { label: word.attempt(number), bars: [{ from, to, tone: taskTone(state) }], cause: joined(causes) },
    ...inner(word.tools, tools, "runs", toolWords(attempt)),
    ...inner(word.text, texts, "waits", ""),
  ];
}

/** `Read ×9, Bash (running)` */
function toolWords({ tools, to }: Attempt): string {
  const counts = new Map<string, number>();
  for (const { name } of tools) counts.set(name, (counts.get(name) ?? 0) + 1);
  const last = tools.at(-1);
  const now = to === undefined && last?.to === undefined ? last?.name : undefined;
  return [...counts]
    .map(([name, count]) => {
      const times = count > 1 ? `${name} ×${count}` : name;
      return name === now ? `${times} (${taskWords().running})` : times;
    })
    .join(comma());
}

const joined = (parts: readonly (string | false | undefined)[]): string => parts.filter(Boolean).join(" · ");
