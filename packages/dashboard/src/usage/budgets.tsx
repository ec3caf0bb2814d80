import { useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { call } from "../api.js";
import { number, share, usd } from "../format.js";
import { wordOf } from "../i18n/states.js";
import { usageWords } from "../i18n/usage.js";
import { budgetOutlook } from "../overview/limits.js";
import { futureOf } from "../overview/limits-panel.js";
import { ActButton } from "../parts/act-button.js";
import { confirm } from "../parts/dialog.js";
import { Failure } from "../parts/failure.js";
import { Empty, Panel } from "../parts/layout.js";
import { useActs } from "../parts/palette.js";
import { DataTable } from "../parts/table.js";
import { act } from "../parts/toast.js";
import type { BudgetStanding } from "../routes.js";
import { scopeWords } from "../work/scope-words.js";
import { BudgetForm } from "./budget-form.js";

const REFRESH_MS = 30_000;

/** The budgets and where each stands. */
export function Budgets() {
  const word = usageWords();
  const { data, error, reload } = useAnswer("GET /budgets", {}, { everyMs: REFRESH_MS });
  const [adding, setAdding] = useState(false);
  useActs([{ name: word.add, scope: "monitor:manage", run: () => setAdding(true) }]);
  return (
    <Panel
      title={word.budgets}
      aside={
        <ActButton scope="monitor:manage" onAct={() => setAdding(true)}>
          {word.add}
        </ActButton>
      }
    >
      {error && <Failure error={error} onRetry={reload} />}
      {data?.budgets.length === 0 && (
        <Empty title={word.noBudgets} command="ccsp budget set team --everybody --usd 50" />
      )}
      {data !== undefined && data.budgets.length > 0 && <BudgetTable budgets={data.budgets} onChange={reload} />}
      {adding && <BudgetForm onClose={() => setAdding(false)} onSaved={reload} />}
    </Panel>
  );
}

function BudgetTable({
  budgets,
  onChange,
}: {
  readonly budgets: readonly BudgetStanding[];
  readonly onChange: () => void;
}) {
  const word = usageWords();
  const [changing, setChanging] = useState<BudgetStanding["budget"]>(undefined);
  return (
    <>
      <DataTable
        label={word.budgets}
        rows={budgets}
        rowKey={({ budget }) => budget?.name ?? ""}
        columns={[
          {
            name: word.name,
            cell: (standing) => (
              <>
                {standing.budget?.name}
                <p class="third small">{holderOf(standing.budget)}</p>
                <p class="third small">{futureOf(budgetOutlook(standing, Date.now()))}</p>
              </>
            ),
          },
          {
            name: word.used,
            cell: (standing) => (
              <>
                {share(standing.share)}
                <p class="third small">{amountOf(standing)}</p>
              </>
            ),
            number: true,
          },
          {
            name: "",
            cell: ({ budget }) => (
              <span class="acts">
                {holderOf(budget) !== word.unknown && (
                  <ActButton scope="monitor:manage" look="plain" onAct={() => setChanging(budget)}>
                    {word.change}
                  </ActButton>
                )}
                <ActButton scope="monitor:manage" look="plain" onAct={() => void remove(budget?.name ?? "", onChange)}>
                  {word.remove}
                </ActButton>
              </span>
            ),
          },
        ]}
      />
      {changing && <BudgetForm budget={changing} onClose={() => setChanging(undefined)} onSaved={onChange} />}
    </>
  );
}

/** A monitor of a newer release may have kinds of holders that this page does not know. */
function holderOf(budget: BudgetStanding["budget"]): string {
  const { everybody, ...named } = budget?.holder ?? {};
  if (everybody) return usageWords().everybody;
  return Object.keys(named).length > 0 ? scopeWords(named) : usageWords().unknown;
}

function amountOf({ used, budget }: BudgetStanding): string {
  const word = usageWords();
  const { unit = "", limit = 0, period = "" } = budget ?? {};
  const amounts =
    unit === "USD"
      ? `${usd(used)} / ${number(limit, 2)}`
      : `${number(used)} / ${number(limit)} ${wordOf(word.units, unit)}`;
  return word.perPeriod(amounts, wordOf(word.periods, period));
}

async function remove(name: string, onChange: () => void): Promise<void> {
  const word = usageWords();
  const sure = await confirm({ title: word.removeTitle(`\`${name}\``), effect: word.removeEffect, act: word.remove });
  if (!sure) return;
  const done = await act(async () => {
    await call("DELETE /budgets/{name}", { path: { name } });
    return word.removed(name);
  });
  if (done) onChange();
}
