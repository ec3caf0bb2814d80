import { useAnswer } from "../answer.js";
import { comma, duration, milliseconds, time } from "../format.js";
import { wordOf } from "../i18n/states.js";
import { workWords } from "../i18n/work.js";
import { State, type Tone } from "../parts/text.js";
import type { Answer } from "../routes.js";

export type Explanation = Answer<"GET /tasks/{taskId}/explanation">;
type Blocker = Explanation["blockers"][number];

const REFRESH_MS = 10_000;

/** Why a task waits, read again every ten seconds while it does. */
export const useExplanation = (taskId: string) =>
  useAnswer("GET /tasks/{taskId}/explanation", { path: { taskId } }, { everyMs: REFRESH_MS });

/** Waiting in line is the normal course. Everything else holds the task back. */
const IN_LINE: readonly string[] = ["TURN", "NO_SLOT", "START_TIME", "AFFINITY"];
const toneOf = ({ kind }: Blocker): Tone => (IN_LINE.includes(kind) ? "waits" : "held");

/** What blocks a task, and until when. */
export function BlockerWords({ blocker, end = true }: { readonly blocker: Blocker; readonly end?: boolean }) {
  const word = workWords();
  const text = word.blocked(wordOf(word.kinds, blocker.kind), blocker.message);
  return (
    <State tone={toneOf(blocker)}>
      <span class="wraps" title={word.blocked(blocker.message, blocker.message)}>
        {text}
        {end && blocker.until && comma() + word.until(time(blocker.until))}
      </span>
    </State>
  );
}

/** The first thing that blocks a task, in words. */
export function blockedWords({ blockers: [first] }: Explanation): string {
  const word = workWords();
  return first ? word.blocked(wordOf(word.kinds, first.kind), first.message) : word.next;
}

/** When a waiting task starts, as short as a cell of a table. */
export function startWords({ estimate, earliestStartTime, blockers }: Explanation): string {
  const word = workWords();
  if (earliestStartTime && Date.parse(earliestStartTime) > Date.now()) return word.notBefore(time(earliestStartTime));
  if (estimate?.p50 !== undefined) {
    const ms = milliseconds(estimate.p50);
    return ms < 1000 ? word.soon : word.about(duration(rounded(ms)));
  }
  return blockers.length === 0 ? word.soon : word.startUnknown;
}

/** An estimate has no more digits than it deserves. */
function rounded(ms: number): number {
  const unit = ms < 60_000 ? 1000 : ms < 3_600_000 ? 60_000 : 600_000;
  return Math.round(ms / unit) * unit;
}

/** Everything that ExplainTask says of a task that waits. */
export function ExplanationText({ explanation }: { readonly explanation: Explanation }) {
  const word = workWords();
  const { blockers, aheadInClass, aheadOfAgent = 0, estimate, earliestStartTime } = explanation;
  const length = (value: string | undefined) =>
    value === undefined ? word.startUnknown : duration(milliseconds(value));
  return (
    <div class="explanation">
      <p class="third small">{word.blockedBy}</p>
      {blockers.length === 0 && <p>{word.next}</p>}
      <ul>
        {blockers.map((blocker) => (
          <li key={blocker.kind + blocker.message}>
            <BlockerWords blocker={blocker} end={false} />{" "}
            <span class="third">{blocker.until ? word.until(time(blocker.until)) : word.noEnd}</span>
            {word.blocked("", blocker.message) === "" && (
              <p class="third small" lang="en">
                {blocker.message}
              </p>
            )}
          </li>
        ))}
      </ul>
      <p class="second">
        {aheadInClass !== undefined && word.older(aheadInClass, aheadOfAgent)}{" "}
        {earliestStartTime && `${word.starts}: ${word.notBefore(time(earliestStartTime))}. `}
        {estimate
          ? word.estimate(length(estimate.p50), length(estimate.p90), length(estimate.p95))
          : word.estimateUnknown}
      </p>
    </div>
  );
}
