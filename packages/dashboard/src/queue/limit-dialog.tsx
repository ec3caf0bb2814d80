import { useState } from "preact/hooks";
import { queueWords } from "../i18n/queue.js";
import { FormDialog } from "../parts/form-dialog.js";
import { type Limit, type LimitValue, setLimit } from "./limit.js";
import { PeriodChoice, WhyField } from "./period-choice.js";

/** Changes a limit, for a time or until it is reset. */
export function LimitDialog({
  limit: { name, value },
  onClose,
  onChanged,
}: {
  readonly limit: Limit;
  readonly onClose: () => void;
  readonly onChanged: () => void;
}) {
  const word = queueWords();
  const [to, setTo] = useState<LimitValue>(value?.weight === undefined ? { rate: rateOf(value) } : value);
  const [seconds, setSeconds] = useState(0);
  const [why, setWhy] = useState("");
  const save = async () => {
    const said = await setLimit(name, { value: to, ...(seconds > 0 && { endAfter: `${seconds}s` }) }, why);
    onChanged();
    return said;
  };
  return (
    <FormDialog title={word.changeTitle(`\`${name}\``)} submit={word.save} save={save} onClose={onClose}>
      <ValueFields value={to} onValue={setTo} />
      <PeriodChoice label={word.pauseFor} never={word.reset} value={seconds} onValue={setSeconds} />
      <WhyField value={why} onValue={setWhy} />
    </FormDialog>
  );
}

const rateOf = (value: LimitValue | undefined) => value?.rate ?? { startsPerMinute: 0, tokensPerMinute: 0 };

/** A weight is one number, a rate has two. */
function ValueFields({
  value,
  onValue,
}: {
  readonly value: LimitValue;
  readonly onValue: (value: LimitValue) => void;
}) {
  const word = queueWords();
  if (value.weight !== undefined) {
    return <NumberField label={word.weight} least={1} value={value.weight} onValue={(weight) => onValue({ weight })} />;
  }
  const rate = rateOf(value);
  return (
    <>
      <NumberField
        label={word.starts}
        least={0}
        value={rate.startsPerMinute}
        onValue={(startsPerMinute) => onValue({ rate: { ...rate, startsPerMinute } })}
      />
      <NumberField
        label={word.tokens}
        least={0}
        value={rate.tokensPerMinute}
        onValue={(tokensPerMinute) => onValue({ rate: { ...rate, tokensPerMinute } })}
      />
    </>
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
