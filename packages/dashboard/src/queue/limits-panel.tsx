import { useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { comma, time } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { ActButton } from "../parts/act-button.js";
import { Failure } from "../parts/failure.js";
import { Panel } from "../parts/layout.js";
import { act } from "../parts/toast.js";
import { type Limit, type LimitValue, setLimit, valueWords } from "./limit.js";
import { LimitDialog } from "./limit-dialog.js";

/** Weights of classes and agents, and rates of engines, accounts and agents, with who has set each. */
export function LimitsPanel() {
  const word = queueWords();
  const { data, error, reload } = useAnswer("GET /queue/limits", {}, { everyMs: 15_000 });
  const [changing, setChanging] = useState<Limit | undefined>(undefined);
  return (
    <Panel title={word.limits}>
      {error && <Failure error={error} onRetry={reload} />}
      {data?.limits.length === 0 && <p class="third">{word.noLimits}</p>}
      {data && data.limits.length > 0 && (
        <div class="table-holder">
          <table class="data" aria-label={word.limits}>
            <thead>
              <tr>
                <th scope="col">{word.limit}</th>
                <th scope="col" class="number">
                  {word.value}
                </th>
                <th scope="col" class="wide">
                  {word.setBy}
                </th>
                <th scope="col">
                  <span class="unseen">{word.change}</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {data.limits.map((limit) => (
                <LimitRow key={limit.name} limit={limit} onChange={() => setChanging(limit)} reload={reload} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {changing && <LimitDialog limit={changing} onClose={() => setChanging(undefined)} onChanged={reload} />}
    </Panel>
  );
}

function LimitRow({
  limit: { name, value, source },
  onChange,
  reload,
}: {
  readonly limit: Limit;
  readonly onChange: () => void;
  readonly reload: () => void;
}) {
  const word = queueWords();
  return (
    <tr>
      <td>
        <code>{name}</code>
      </td>
      <td class="number">{valueWords(value)}</td>
      <td class="wide second">
        {source
          ? [
              `${source.automatic ? word.automatic : source.who}: ${source.why}`,
              source.endTime && word.until(time(source.endTime)),
            ]
              .filter(Boolean)
              .join(comma())
          : word.setting}
      </td>
      <td class="number">
        {source && (
          <>
            <ActButton scope="queue:manage" look="plain" onAct={() => void reset(name, value, reload)}>
              {word.reset}
            </ActButton>{" "}
          </>
        )}
        <ActButton scope="queue:manage" look="plain" onAct={onChange}>
          {word.change}
        </ActButton>
      </td>
    </tr>
  );
}

async function reset(name: string, before: LimitValue | undefined, reload: () => void): Promise<void> {
  const doing = (change: { value?: LimitValue }) => async () => {
    const said = await setLimit(name, change, queueWords().reset);
    reload();
    return said;
  };
  await act(doing({}), before && (() => void act(doing({ value: before }))));
}
