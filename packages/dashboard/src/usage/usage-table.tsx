import { useAnswer } from "../answer.js";
import { day, duration, milliseconds, number, usd } from "../format.js";
import { shellWords } from "../i18n/shell.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { usageWords } from "../i18n/usage.js";
import { Failure } from "../parts/failure.js";
import { DataTable } from "../parts/table.js";
import type { Answer } from "../routes.js";
import { inputTokens } from "./amounts.js";
import { type Amounts, daysOf } from "./days.js";
import type { Dimension } from "./range.js";

type Row = Answer<"GET /usage">["rows"][number];

/** What each member of a dimension used, the most expensive first. */
export function MembersTable({ rows, dimension }: { readonly rows: readonly Row[]; readonly dimension: Dimension }) {
  const word = usageWords();
  return (
    <AmountsTable
      label={word.groups[dimension]}
      rows={rows
        .toSorted((one, other) => other.costUsd - one.costUsd || other.runs - one.runs)
        .map((row) => {
          const name = nameOf(row, dimension);
          const href = dimension === "AGENT" && name !== "" ? `/tasks?agent=${encodeURIComponent(name)}` : undefined;
          return { key: name, name: name || word.none, href, amounts: row };
        })}
    />
  );
}

/** What was used on each day, in the time zone of the browser. */
export function DaysTable({ times }: { readonly times: { readonly startTime: string; readonly endTime: string } }) {
  const series = useAnswer("GET /usage/series", { query: { ...times, step: "3600s" } });
  if (series.error) return <Failure error={series.error} onRetry={series.reload} />;
  if (!series.data) return <p class="third">{shellWords().loading}</p>;
  return (
    <AmountsTable
      label={usageWords().groups.DAY}
      rows={daysOf(series.data.series[0]?.points ?? []).map(({ startMs, amounts }) => {
        const name = day(new Date(startMs));
        return { key: name, name, href: undefined, amounts };
      })}
    />
  );
}

interface NamedAmounts {
  readonly key: string;
  readonly name: string;
  readonly href: string | undefined;
  readonly amounts: Amounts;
}

function AmountsTable({ label, rows }: { readonly label: string; readonly rows: readonly NamedAmounts[] }) {
  const word = usageWords();
  return (
    <DataTable
      label={label}
      rows={rows}
      rowKey={({ key }) => key}
      columns={[
        { name: label, cell: ({ name, href }) => (href === undefined ? name : <a href={href}>{name}</a>) },
        { name: word.runs, cell: ({ amounts: { runs } }) => number(runs), number: true },
        { name: word.failed, cell: ({ amounts: { failedRuns } }) => number(failedRuns), number: true, wide: true },
        { name: word.tokensIn, cell: ({ amounts }) => number(inputTokens(amounts.usage)), number: true, wide: true },
        {
          name: word.tokensOut,
          cell: ({ amounts }) => number(amounts.usage?.outputTokens ?? 0),
          number: true,
          wide: true,
        },
        {
          name: word.runTime,
          cell: ({ amounts: { runTime } }) => (runTime ? duration(milliseconds(runTime)) : "–"),
          number: true,
          wide: true,
        },
        { name: word.cost, cell: ({ amounts }) => <Cost {...amounts} />, number: true },
      ]}
    />
  );
}

function nameOf(row: Row, dimension: Dimension): string {
  const names: Readonly<Record<Dimension, string>> = {
    AGENT: row.agentId,
    MODEL: row.model,
    ACCOUNT: row.account,
    ENGINE: row.engine,
    PRIORITY: wordOf(stateWords().priority, row.priority.toUpperCase()),
    LABEL: row.label,
  };
  return names[dimension];
}

/** A cost that is not known is said, and never zero. */
function Cost({ costUsd, runs, runsWithoutCost }: Amounts) {
  const word = usageWords();
  if (runsWithoutCost === runs && runs > 0) return <span class="third">{word.unknown}</span>;
  return (
    <>
      {usd(costUsd)}
      {runsWithoutCost > 0 && <span class="third"> {word.partly(runsWithoutCost)}</span>}
    </>
  );
}
