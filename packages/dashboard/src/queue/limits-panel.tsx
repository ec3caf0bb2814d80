import { useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { ApiError, call } from "../api.js";
import { number, time } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { shellWords } from "../i18n/shell.js";
import { ActButton } from "../parts/act-button.js";
import { Dialog } from "../parts/dialog.js";
import { Failure } from "../parts/failure.js";
import { Panel } from "../parts/layout.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";
import { who } from "../work/task-state.js";
import { PeriodChoice, WhyField } from "./period-choice.js";

type Limit = Answer<"GET /queue/limits">["limits"][number];
type LimitValue = NonNullable<Limit["value"]>;

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
              .join(", ")
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

/** As `ccsp limit list` writes it. */
function valueWords(value: LimitValue | undefined): string {
  const word = queueWords();
  if (value?.weight !== undefined) return number(value.weight);
  const { startsPerMinute: starts = 0, tokensPerMinute: tokens = 0 } = value?.rate ?? {};
  const parts = [
    starts > 0 && word.perMinute(number(starts, 3)),
    tokens > 0 && word.tokensPerMinute(number(tokens, 3)),
  ];
  return parts.filter(Boolean).join(", ") || word.anyNumber;
}

async function set(name: string, change: { value?: LimitValue; endAfter?: string }, why: string): Promise<string> {
  const { limits } = await call("PUT /queue/limits", { body: { changes: [{ name, ...change }], who: who(), why } });
  return queueWords().changed(name, valueWords(limits[0]?.value));
}

async function reset(name: string, before: LimitValue | undefined, reload: () => void): Promise<void> {
  const doing = (change: { value?: LimitValue }) => async () => {
    const said = await set(name, change, queueWords().reset);
    reload();
    return said;
  };
  await act(doing({}), before && (() => void act(doing({ value: before }))));
}

function LimitDialog({
  limit: { name, value },
  onClose,
  onChanged,
}: {
  readonly limit: Limit;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}) {
  const word = queueWords();
  const [weight, setWeight] = useState(value?.weight);
  const [rate, setRate] = useState(value?.rate ?? { startsPerMinute: 0, tokensPerMinute: 0 });
  const [seconds, setSeconds] = useState(0);
  const [why, setWhy] = useState("");
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const save = () =>
    act(async () => {
      setFault(undefined);
      const to: LimitValue = weight === undefined ? { rate } : { weight };
      const change = { value: to, ...(seconds > 0 && { endAfter: `${seconds}s` }) };
      const said = await set(name, change, why).catch((error: unknown) => {
        if (error instanceof ApiError) setFault(error);
        throw error;
      });
      onChanged();
      onClose();
      return said;
    });
  return (
    <Dialog title={word.changeTitle(`\`${name}\``)} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save();
        }}
      >
        {weight !== undefined ? (
          <NumberField label={word.weight} least={1} value={weight} onValue={setWeight} />
        ) : (
          <>
            <NumberField
              label={word.starts}
              least={0}
              value={rate.startsPerMinute}
              onValue={(startsPerMinute) => setRate({ ...rate, startsPerMinute })}
            />
            <NumberField
              label={word.tokens}
              least={0}
              value={rate.tokensPerMinute}
              onValue={(tokensPerMinute) => setRate({ ...rate, tokensPerMinute })}
            />
          </>
        )}
        <PeriodChoice label={word.pauseFor} never={word.reset} value={seconds} onValue={setSeconds} />
        <WhyField value={why} onValue={setWhy} />
        {fault && <Failure error={fault} />}
        <div class="acts">
          <button type="button" onClick={onClose}>
            {shellWords().cancel}
          </button>
          <button type="submit" class="primary">
            {word.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function NumberField({
  label,
  least,
  value,
  onValue,
}: {
  readonly label: string;
  readonly least: number;
  readonly value: number;
  readonly onValue: (value: number) => void;
}) {
  return (
    <label>
      {label}
      <input
        type="number"
        required
        min={least}
        step={least === 1 ? 1 : "any"}
        value={value}
        onInput={({ currentTarget }) => onValue(currentTarget.valueAsNumber || 0)}
      />
    </label>
  );
}
