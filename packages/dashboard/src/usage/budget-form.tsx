import { useState } from "preact/hooks";
import { call, type Input } from "../api.js";
import { usageWords } from "../i18n/usage.js";
import { Field, Select } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";

type Written = NonNullable<NonNullable<Input<"PUT /budgets/{name}">["body"]>["budget"]>;

const UNITS = ["USD", "TOKENS", "REQUESTS"] as const;
const PERIODS = ["HOUR", "DAY", "MONTH"] as const;
const ACTIONS = ["REFUSE", "PARK"] as const;
const HOLDERS = ["everybody", "agentId", "label"] as const;

/** Makes a budget, or changes the one of this name. */
export function BudgetForm({ onClose, onSaved }: { readonly onClose: () => void; readonly onSaved: () => void }) {
  const word = usageWords();
  const [holder, setHolder] = useState<string>("everybody");
  const save = async (text: (name: string) => string) => {
    const name = text("name");
    await call("PUT /budgets/{name}", { path: { name }, body: { budget: budgetOf(holder, text) } });
    onSaved();
    return word.saved(name);
  };
  return (
    <FormDialog title={word.add} submit={word.save} save={save} onClose={onClose}>
      <Field label={word.name} name="name" required />
      <Field label={word.limit} name="limit" type="number" min="0" step="any" required />
      <Select label={word.unit} name="unit" options={UNITS.map((value) => ({ value, name: word.units[value] }))} />
      <Select
        label={word.period}
        name="period"
        value="DAY"
        options={PERIODS.map((value) => ({ value, name: word.periods[value] }))}
      />
      <Select
        label={word.holder}
        name="holder"
        value={holder}
        onChange={setHolder}
        options={HOLDERS.map((value) => ({
          value,
          name: { everybody: word.everybody, agentId: word.agent, label: word.labelled }[value],
        }))}
      />
      {holder !== "everybody" && <Field label={word.holderName} name="who" required />}
      <Field label={word.zone} name="zone" defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone} required />
      <Select
        label={word.whenUsed}
        name="action"
        options={ACTIONS.map((value) => ({ value, name: word.actions[value] }))}
      />
    </FormDialog>
  );
}

function budgetOf(holder: string, text: (name: string) => string): Written {
  const holders = { agentId: { agentId: text("who") }, label: { label: text("who") } };
  return {
    holder: holder === "agentId" || holder === "label" ? holders[holder] : { everybody: true },
    unit: text("unit"),
    limit: Number(text("limit")),
    period: text("period"),
    timeZone: text("zone"),
    action: text("action"),
  };
}
