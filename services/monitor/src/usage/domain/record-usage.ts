import { type FieldViolation, invalidFields, isVisible } from "@ccsp/errors";
import { counted, labelOf } from "./labels.js";
import { MOST_MS, MOST_TOKENS, MOST_USD, microUsd, type Outcome, type Run, type Tokens } from "./run.js";
import { DAY_MS } from "./usage-store.js";

const MAX_AGE_MS = 31 * DAY_MS;
/** The clocks of callers may be ahead of ours. */
const AHEAD_MS = 60_000;
const MAX_LABELS = 32;

/** Work that was done outside CCSP, as its caller describes it. */
export interface OutsideWork {
  readonly requestId: string;
  readonly agent: string;
  readonly engine: string;
  readonly account: string;
  readonly model: string;
  readonly priority: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly endTime: Date | undefined;
  readonly outcome: Outcome;
  readonly tokens: Tokens | undefined;
  readonly costUsd: number | undefined;
  readonly runMs: number | undefined;
}

/** Returns the run to count. Throws a Refusal that names every wrong field. */
export function runOfWork(work: OutsideWork, allowedLabels: readonly string[], now: Date): Run {
  const faults = faultsOf(work, now);
  if (faults.length > 0) throw invalidFields(faults);
  const { agent, engine, account, model, priority, labels, tokens, costUsd, runMs } = work;
  return {
    id: `outside ${agent} ${work.requestId}`,
    partition: 0,
    taskId: "",
    traceparent: "",
    endTime: work.endTime ?? now,
    row: {
      agent,
      engine,
      account: counted(account),
      model: counted(model),
      priority,
      label: labelOf(labels, allowedLabels),
    },
    labels,
    outcome: work.outcome,
    tokens,
    costMicroUsd: microUsd(costUsd),
    runMs: runMs === undefined ? undefined : Math.round(runMs),
    waitMs: undefined,
  };
}

function faultsOf(work: OutsideWork, now: Date): FieldViolation[] {
  const faults: FieldViolation[] = [];
  const need = (field: string, fits: boolean, description: string): void => {
    if (!fits) faults.push({ field, description });
  };
  for (const [field, text] of [
    ["request_id", work.requestId],
    ["agent_id", work.agent],
    ["engine", work.engine],
  ] as const)
    need(field, text.length >= 1 && text.length <= 128 && isVisible(text), "must have 1 to 128 visible characters");
  need("labels", Object.keys(work.labels).length <= MAX_LABELS, `must be at most ${MAX_LABELS}`);
  for (const [name, value] of Object.entries(work.tokens ?? {}))
    need(`usage.${TOKEN_FIELDS[name] ?? name}`, value >= 0 && value <= MOST_TOKENS, `must be 0 to ${MOST_TOKENS}`);
  const { costUsd = 0, runMs = 0 } = work;
  need("cost_usd", costUsd >= 0 && costUsd <= MOST_USD, `must be 0 to ${MOST_USD}`);
  need("run_time", runMs >= 0 && runMs <= MOST_MS, "must be 0 to 366 days");
  const end = (work.endTime ?? now).getTime();
  const fits = end <= now.getTime() + AHEAD_MS && end >= now.getTime() - MAX_AGE_MS;
  need("end_time", fits, "must not be in the future or more than 31 days ago");
  return faults;
}

const TOKEN_FIELDS: Readonly<Record<string, string>> = {
  input: "input_tokens",
  output: "output_tokens",
  cacheRead: "cache_read_tokens",
  cacheCreation: "cache_creation_tokens",
};
