import { useEffect, useState } from "preact/hooks";
import { stateWords } from "../i18n/states.js";
import { tasksWords } from "../i18n/tasks.js";
import { workWords } from "../i18n/work.js";
import { taskTone } from "../parts/text.js";
import { snapshot } from "../store.js";
import { CLASSES, END_STATES, HELD_STATES, seesAll, WAITING_STATES } from "../work/task-state.js";
import { type Filter, isLabel, NO_FILTER, selects, setFilter } from "./filter.js";

/** A chip stands for one state, except that all states of a run are one. */
const CHIPS: readonly (readonly string[])[] = [
  ...WAITING_STATES.map((state) => [state]),
  HELD_STATES,
  ...END_STATES.map((state) => [state]),
];

export function FilterBar({ filter }: { readonly filter: Filter }) {
  const word = tasksWords();
  const names = stateWords();
  const { agent, engine, text, labels, classes } = filter;
  return (
    <search class="filter-bar" aria-label={word.filter}>
      <div class="chips" role="group" aria-label={workWords().state}>
        {CHIPS.map((states) => (
          <StateChip key={states[0]} states={states} filter={filter} />
        ))}
      </div>
      <div class="filters">
        <TypedFilter label={word.text} value={text} asYouType onValue={(typed) => setFilter({ text: typed })} />
        {seesAll() && <TypedFilter label={word.agent} value={agent} onValue={(typed) => setFilter({ agent: typed })} />}
        <TypedFilter
          label={word.label}
          value={labels.join(" ")}
          fault={(typed) => (typed.split(/\s+/).filter(Boolean).every(isLabel) ? "" : word.labelForm)}
          onValue={(typed) => setFilter({ labels: typed.split(/\s+/).filter(isLabel) })}
        />
        <ChosenFilter
          label={workWords().class}
          any={word.anyClass}
          value={classes[0] ?? ""}
          choices={CLASSES}
          name={(each) => names.priority[each]}
          onValue={(chosen) => setFilter({ classes: chosen === "" ? [] : [chosen] })}
        />
        {seesAll() && (
          <ChosenFilter
            label={workWords().engine}
            any={word.anyEngine}
            value={engine}
            choices={snapshot("queue").value?.engines ?? [engine].filter(Boolean)}
            name={(each) => each}
            onValue={(chosen) => setFilter({ engine: chosen })}
          />
        )}
        {(selects(filter) || text !== "") && (
          <button type="button" class="plain" onClick={() => setFilter(NO_FILTER)}>
            {word.clear}
          </button>
        )}
      </div>
    </search>
  );
}

function StateChip({ states, filter }: { readonly states: readonly string[]; readonly filter: Filter }) {
  const names: Readonly<Record<string, string>> = stateWords().task;
  const on = states.every((state) => filter.states.includes(state));
  const others = filter.states.filter((state) => !states.includes(state));
  const first = states.length > 1 ? "RUNNING" : (states[0] ?? "");
  return (
    <button
      type="button"
      class={`chip tone-${taskTone(first)}`}
      aria-pressed={on}
      onClick={() => setFilter({ states: on ? others : [...others, ...states] })}
    >
      <i class="square" aria-hidden="true" />
      {names[first]}
    </button>
  );
}

function TypedFilter({
  label,
  value,
  asYouType = false,
  fault = () => "",
  onValue,
}: {
  readonly label: string;
  readonly value: string;
  /** Else when the field is left, or with Enter. */
  readonly asYouType?: boolean;
  readonly fault?: (text: string) => string;
  readonly onValue: (text: string) => void;
}) {
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const wrong = fault(text);
  return (
    <input
      type="search"
      aria-label={label}
      placeholder={label}
      title={wrong || label}
      aria-invalid={wrong !== ""}
      maxLength={200}
      value={text}
      onInput={({ currentTarget }) => {
        setText(currentTarget.value);
        if (asYouType) onValue(currentTarget.value);
      }}
      onChange={({ currentTarget }) => {
        if (!asYouType && fault(currentTarget.value) === "") onValue(currentTarget.value.trim());
      }}
    />
  );
}

function ChosenFilter<Name extends string>({
  label,
  any,
  value,
  choices,
  name,
  onValue,
}: {
  readonly label: string;
  readonly any: string;
  readonly value: string;
  readonly choices: readonly Name[];
  readonly name: (choice: Name) => string;
  readonly onValue: (chosen: string) => void;
}) {
  return (
    <select aria-label={label} value={value} onChange={({ currentTarget }) => onValue(currentTarget.value)}>
      <option value="">{any}</option>
      {choices.map((choice) => (
        <option key={choice} value={choice}>
          {name(choice)}
        </option>
      ))}
    </select>
  );
}
