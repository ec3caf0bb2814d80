import { createHash } from "node:crypto";
import { type FieldViolation, invalidFields, isVisible, VISIBLE_RULE } from "@ccsp/errors";
import type { Tokens } from "@ccsp/prices";
import { counted, labelOf } from "./labels.js";
import { MOST_MS, MOST_TOKENS, MOST_USD, microUsd, type Outcome, type Run } from "./run.js";
import { DAY_MS, type UsageStore } from "./usage-store.js";

const MAX_AGE_MS = 31 * DAY_MS;
/** The clocks of callers may be ahead of ours. */
const AHEAD_MS = 60_000;
const MAX_LABELS = 32;
const MAX_RECORDS = 1_000;

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

/** Remembers for a day what was recorded with which id. */
export interface ClaimStore {
  /**
   * Returns the end of each record in ms: its own, or the end of the first record with its id. "conflict": that record
   * had another content. Safe to repeat.
   */
  claim(
    records: readonly { readonly id: string; readonly digest: string; readonly endMs: number }[],
    nowMs: number,
  ): Promise<readonly (number | "conflict")[]>;
}

export type RecordOutcome = "counted" | "repeat" | "conflict";

/**
 * Counts work that was done outside CCSP, each record once. `prefixOf` gives what stands before the names of a record's
 * wrong fields. Throws a Refusal that names every wrong field, and then counts nothing.
 */
export async function recordWork(
  { store, claims }: { readonly store: Pick<UsageStore, "record">; readonly claims: ClaimStore },
  works: readonly OutsideWork[],
  {
    allowedLabels,
    prefixOf,
    now,
  }: { readonly allowedLabels: readonly string[]; readonly prefixOf: (at: number) => string; readonly now: Date },
): Promise<RecordOutcome[]> {
  if (works.length > MAX_RECORDS)
    throw invalidFields([{ field: "records", description: `has ${works.length} records, at most ${MAX_RECORDS}` }]);
  const faults = works.flatMap((work, at) =>
    faultsOf(work, now).map(({ field, description }) => ({ field: prefixOf(at) + field, description })),
  );
  if (faults.length > 0) throw invalidFields(faults.slice(0, MAX_FAULTS));
  const runs = works.map((work) => ({ run: runOfWork(work, allowedLabels, now), digest: digestOf(work) }));
  const ends = await claims.claim(
    runs.map(({ run: { id, endTime }, digest }) => ({ id, digest, endMs: endTime.getTime() })),
    now.getTime(),
  );
  return Promise.all(
    runs.map(async ({ run }, at) => {
      const end = ends[at];
      if (end === undefined || end === "conflict") return "conflict";
      return (await store.record({ ...run, endTime: new Date(end) })) === "ok" ? "counted" : "repeat";
    }),
  );
}

const MAX_FAULTS = 20;

/** The same for the same content, in whatever order its labels are. */
function digestOf(work: OutsideWork): string {
  const content = { ...work, labels: Object.entries(work.labels).toSorted(([a], [b]) => (a < b ? -1 : 1)) };
  return createHash("sha256").update(JSON.stringify(content)).digest("base64url").slice(0, 22);
}

/** 0.3.0 used the first form for every agent, so two that share a space could have the same one. */
const idOf = ({ agent, requestId }: OutsideWork): string =>
  agent.includes(" ") ? `outside-json ${JSON.stringify([agent, requestId])}` : `outside ${agent} ${requestId}`;

function runOfWork(work: OutsideWork, allowedLabels: readonly string[], now: Date): Run {
  const { agent, engine, account, model, priority, labels, tokens, costUsd, runMs } = work;
  return {
    id: idOf(work),
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
  for (const [field, text] of [
    ["account", work.account],
    ["model", work.model],
  ] as const)
    need(field, isVisible(text), VISIBLE_RULE);
  need("labels", Object.entries(work.labels).flat().every(isVisible), VISIBLE_RULE);
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
