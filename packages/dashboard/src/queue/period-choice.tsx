import { duration } from "../format.js";
import { queueWords } from "../i18n/queue.js";

const PERIODS_S = [900, 3600, 4 * 3600, 24 * 3600];

/** After how many seconds something ends by itself. 0: never. */
export function PeriodChoice({
  label,
  never,
  value,
  onValue,
}: {
  readonly label: string;
  readonly never: string;
  readonly value: number;
  readonly onValue: (seconds: number) => void;
}) {
  return (
    <label>
      {label}
      <select value={value} onChange={({ currentTarget }) => onValue(Number(currentTarget.value))}>
        <option value={0}>{never}</option>
        {PERIODS_S.map((seconds) => (
          <option key={seconds} value={seconds}>
            {duration(seconds * 1000)}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Everybody sees why something was held back or changed. */
export function WhyField({ value, onValue }: { readonly value: string; readonly onValue: (why: string) => void }) {
  return (
    <label>
      {queueWords().why}
      <input required maxLength={200} value={value} onInput={({ currentTarget }) => onValue(currentTarget.value)} />
    </label>
  );
}
