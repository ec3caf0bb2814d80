import { duration, milliseconds, number, usd } from "../format.js";
import { stateWords, wordOf } from "../i18n/states.js";
import { usageWords } from "../i18n/usage.js";
import { DataTable } from "../parts/table.js";
import type { Answer } from "../routes.js";
import { inputTokens } from "./amounts.js";
import type { GROUPS } from "./range.js";

type Row = Answer<"GET /usage">["rows"][number];
type Group = (typeof GROUPS)[number];

/** What each member of a group used. A cost that is not known is said, and never zero. */
export function UsageTable({ rows, group }: { readonly rows: readonly Row[]; readonly group: Group }) {
  const word = usageWords();
  return (
    <DataTable
      label={word.groups[group]}
      rows={rows.toSorted((one, other) => other.costUsd - one.costUsd || other.runs - one.runs)}
      rowKey={(row) => nameOf(row, group)}
      columns={[
        { name: word.groups[group], cell: (row) => <Name row={row} group={group} /> },
        { name: word.runs, cell: ({ runs }) => number(runs), number: true },
        { name: word.failed, cell: ({ failedRuns }) => number(failedRuns), number: true, wide: true },
        { name: word.tokensIn, cell: ({ usage }) => number(inputTokens(usage)), number: true, wide: true },
        { name: word.tokensOut, cell: ({ usage }) => number(usage?.outputTokens ?? 0), number: true, wide: true },
        {
          name: word.runTime,
          cell: ({ runTime }) => (runTime ? duration(milliseconds(runTime)) : "–"),
          number: true,
          wide: true,
        },
        { name: word.cost, cell: (row) => <Cost row={row} />, number: true },
      ]}
    />
  );
}

function Name({ row, group }: { readonly row: Row; readonly group: Group }) {
  const name = nameOf(row, group);
  if (group !== "AGENT" || name === "") return <>{name || usageWords().none}</>;
  return <a href={`/tasks?agent=${encodeURIComponent(name)}`}>{name}</a>;
}

function nameOf(row: Row, group: Group): string {
  const names: Readonly<Record<Group, string>> = {
    AGENT: row.agentId,
    MODEL: row.model,
    ACCOUNT: row.account,
    ENGINE: row.engine,
    PRIORITY: wordOf(stateWords().priority, row.priority.toUpperCase()),
    LABEL: row.label,
  };
  return names[group];
}

function Cost({ row: { costUsd, runs, runsWithoutCost } }: { readonly row: Row }) {
  const word = usageWords();
  if (runsWithoutCost === runs && runs > 0) return <span class="third">{word.unknown}</span>;
  return (
    <>
      {usd(costUsd)}
      {runsWithoutCost > 0 && <span class="third"> {word.partly(runsWithoutCost)}</span>}
    </>
  );
}
