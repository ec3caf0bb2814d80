import { useAnswer } from "../answer.js";
import type { ApiError } from "../api.js";
import { number, usd } from "../format.js";
import { usageWords } from "../i18n/usage.js";
import { LimitsPanel } from "../overview/limits-panel.js";
import { titleWithout } from "../parts/awaited.js";
import { Choice } from "../parts/choice.js";
import { Failure } from "../parts/failure.js";
import { Empty, PageHead, Panel, Tabs } from "../parts/layout.js";
import { hrefWith } from "../router.js";
import type { Answer } from "../routes.js";
import { snapshot } from "../store.js";
import { inputTokens } from "../usage/amounts.js";
import { Budgets } from "../usage/budgets.js";
import { ForecastPanel } from "../usage/forecast-panel.js";
import { OverTime } from "../usage/over-time.js";
import {
  chosenGroup,
  chosenMeasure,
  chosenRange,
  GROUPS,
  MEASURES,
  RANGE_NAMES,
  type RangeName,
  timesOf,
} from "../usage/range.js";
import { DaysTable, MembersTable } from "../usage/usage-table.js";

const REFRESH_MS = 30_000;

/** What was used by whom, what it cost, what is expected, and the budgets. */
export default function UsagePage() {
  const word = usageWords();
  const range = chosenRange();
  const group = chosenGroup();
  const dimension = group === "DAY" ? "AGENT" : group;
  const times = timesOf(range, Date.now());
  const usage = useAnswer("GET /usage", { query: { ...times, groupBy: [dimension] } }, { everyMs: REFRESH_MS });
  const head = headOf(usage.data, usage.error);
  const failure = usage.error && <Failure error={usage.error} onRetry={usage.reload} />;
  if (!usage.data) {
    return (
      <>
        <PageHead {...head} />
        {failure}
      </>
    );
  }
  const { rows } = usage.data;
  return (
    <>
      <PageHead {...head} acts={<Exports times={times} />} />
      <Tabs
        label={word.range}
        tabs={RANGE_NAMES.map((name) => ({
          name: word.ranges[name],
          href: hrefWith({ range: name }),
          current: name === range,
        }))}
      />
      {failure}
      {rows.length === 0 && <Empty title={word.teach} command='ccsp run "Say hello"' />}
      <Panels range={range} times={times} />
      <Panel
        title={word.by}
        aside={
          <Choice
            label={word.by}
            choices={GROUPS.map((name) => ({ name, word: word.groups[name] }))}
            chosen={group}
            parameter="by"
          />
        }
      >
        {group === "DAY" ? <DaysTable times={times} /> : <MembersTable rows={rows} dimension={group} />}
      </Panel>
    </>
  );
}

type Times = ReturnType<typeof timesOf>;

function Exports({ times }: { readonly times: Times }) {
  const address = (format: string) => `/api/v2/usage/export?${new URLSearchParams({ ...times, format })}`;
  return (
    <>
      <a class="button" href={address("CSV")} download>
        {usageWords().exportAs} CSV
      </a>
      <a class="button" href={address("JSON_LINES")} download>
        {usageWords().exportAs} JSON
      </a>
    </>
  );
}

/** What was used over time, what is expected, the limits and the budgets. */
function Panels({ range, times }: { readonly range: RangeName; readonly times: Times }) {
  const word = usageWords();
  const measure = chosenMeasure();
  return (
    <div class="panels overview">
      <Panel
        title={word.overTime}
        aside={
          <Choice
            label={word.measure}
            choices={MEASURES.map((name) => ({ name, word: word.measures[name] }))}
            chosen={measure}
            parameter="show"
          />
        }
      >
        <OverTime range={range} measure={measure} times={times} />
      </Panel>
      <ForecastPanel measure={measure} />
      <LimitsPanel usage={snapshot("usage").value} onlyWindows />
      <Budgets />
    </div>
  );
}

function headOf(
  usage: Answer<"GET /usage"> | undefined,
  error: ApiError | undefined,
): { readonly title: string; readonly lead?: string } {
  const word = usageWords();
  const range = word.inRange[chosenRange()];
  if (!usage) return { title: titleWithout("usage", error) };
  const { rows, gaps } = usage;
  const sum = (of: (row: (typeof rows)[number]) => number) => rows.reduce((all, row) => all + of(row), 0);
  const runs = sum((row) => row.runs);
  if (runs === 0) return { title: word.nothing(range) };
  const withoutCost = sum((row) => row.runsWithoutCost);
  const cost = withoutCost === runs ? word.unknown : usd(sum((row) => row.costUsd));
  const open = gaps.filter(({ state }) => state !== "FILLED").length;
  const lead = [
    word.tokens(
      number(sum(({ usage }) => inputTokens(usage))),
      number(sum(({ usage }) => usage?.cacheReadTokens ?? 0)),
      number(sum(({ usage }) => usage?.outputTokens ?? 0)),
    ),
    withoutCost > 0 && withoutCost < runs && word.unknownCost(withoutCost),
    open > 0 && word.gaps(open),
  ];
  return { title: word.title(runs, range, cost), lead: lead.filter(Boolean).join(" ") };
}
