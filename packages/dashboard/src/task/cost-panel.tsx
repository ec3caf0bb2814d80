import { comma, duration, milliseconds, number, share, usd } from "../format.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { taskWords } from "../i18n/task.js";
import { Facts, Panel } from "../parts/layout.js";
import { State, Time, taskTone } from "../parts/text.js";
import type { Task } from "../routes.js";
import { hasEnded, labelsOf } from "../work/task-state.js";
import { sideOf } from "./answer-panel.js";
import { type Attempt, attemptsOf, type Story } from "./story.js";

/** What a task cost, what it asked for, and its attempts. */
export function CostPanel({ task, story, now }: { readonly task: Task; readonly story: Story; readonly now: number }) {
  const word = taskWords();
  const attempts = attemptsOf(story);
  return (
    <Panel title={hasEnded(task.state) ? word.cost : word.costSoFar}>
      <Cost task={task} attempts={attempts} />
      <h3>{word.askedFor}</h3>
      <Facts facts={factsOf(task)} />
      <h3>{word.attempts}</h3>
      {attempts.length === 0 && <p class="third">{word.noAttempts}</p>}
      <ol class="attempts">
        {attempts.map((attempt) => (
          <AttemptLine key={attempt.from} attempt={attempt} now={now} />
        ))}
      </ol>
    </Panel>
  );
}

/** The known cost of all attempts. Undefined: no attempt has told its cost. */
export function costOf(
  task: Task,
  attempts: readonly Attempt[],
): { readonly known: number | undefined; readonly without: number } {
  const costs = attempts.map(({ usage }) => usage?.costUsd);
  if (task.result) costs.splice(-1, 1, task.result.costUsd);
  const known = costs.filter((cost) => cost !== undefined);
  return {
    known: known.length === 0 ? undefined : known.reduce((sum, cost) => sum + cost, 0),
    without: costs.length - known.length,
  };
}

function Cost({ task, attempts }: { readonly task: Task; readonly attempts: readonly Attempt[] }) {
  const word = taskWords();
  const { known, without } = costOf(task, attempts);
  const usage = task.result?.usage ?? attempts.at(-1)?.usage?.usage;
  if (attempts.length === 0 && !task.result) return <p class="second">{word.noCost}</p>;
  const turns = task.result?.turns ?? attempts.at(-1)?.usage?.turns ?? 0;
  return (
    <>
      <p class="big">{known === undefined ? word.unknown : usd(known)}</p>
      {known === undefined && <p class="second">{hasEnded(task.state) ? word.costNever : word.costComes}</p>}
      {known !== undefined && without > 0 && <p class="second">{word.without(without)}</p>}
      <p class="second">
        {usage ? tokenWords(usage) : word.tokensUnknown}
        {turns > 0 && ` · ${word.turns(turns)}`}
      </p>
      {task.result?.cached && <p class="second">{word.fromCache}</p>}
    </>
  );
}

function tokenWords({
  inputTokens,
  outputTokens,
  cacheReadTokens,
  cacheCreationTokens,
}: NonNullable<NonNullable<Task["result"]>["usage"]>): string {
  const input = inputTokens + cacheReadTokens + cacheCreationTokens;
  return taskWords().tokens(number(input), share(input === 0 ? 0 : cacheReadTokens / input), number(outputTokens));
}

function factsOf(task: Task): (readonly [string, preact.ComponentChildren])[] {
  const word = taskWords();
  const { spec, result } = task;
  const tools = [...(spec?.availableTools ?? []), ...(spec?.allowedTools ?? [])];
  const limits = [
    spec?.limits?.wallTime && duration(milliseconds(spec.limits.wallTime)),
    spec?.limits?.budgetUsd && usd(spec.limits.budgetUsd),
  ].filter(Boolean);
  const refused = [...new Set(result?.permissionDenials.map(({ tool }) => tool))];
  const labels = labelsOf(task);
  const conversation = spec?.conversation?.id;
  return [
    [word.folder, spec?.workingFolder ? <code>{spec.workingFolder}</code> : word.ownFolder],
    [word.mayUse, tools.length === 0 ? word.engineDefault : tools.join(comma())],
    [word.limit, limits.length === 0 ? word.noLimit : limits.join(comma())],
    ...(labels.length > 0 ? [[word.labels, <LabelLinks key="labels" labels={labels} />] as const] : []),
    ...(spec?.startDeadline ? [[word.deadline, <Time key="deadline" at={spec.startDeadline} />] as const] : []),
    ...(conversation ? [[word.conversation, <code key="conversation">{conversation}</code>] as const] : []),
    ...(refused.length > 0 ? [[word.refusedTools, refused.join(comma())] as const] : []),
  ];
}

function LabelLinks({ labels }: { readonly labels: readonly string[] }) {
  return (
    <>
      {labels.map((label) => (
        <div key={label}>
          <a href={`/tasks?label=${encodeURIComponent(label)}`}>{label}</a>
        </div>
      ))}
    </>
  );
}

function AttemptLine({ attempt, now }: { readonly attempt: Attempt; readonly now: number }) {
  const { number: count, state, from, to = now, error, reason } = attempt;
  const side = sideOf(error?.source);
  return (
    <li>
      <div class="line">
        <div>
          {count} <State tone={taskTone(state)}>{wordOf(stateWords().task, state)}</State>
        </div>
        <div class="second">{duration(to - from)}</div>
      </div>
      {(error || reason) && (
        <p class="second">
          {side && `${side}: `}
          {error?.message ?? reason}
        </p>
      )}
    </li>
  );
}
