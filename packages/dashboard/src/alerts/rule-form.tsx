import { useAnswer } from "../answer.js";
import { call } from "../api.js";
import { alertWords } from "../i18n/alerts.js";
import { Failure } from "../parts/failure.js";
import { Field, Select } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";

const CONDITIONS = ["GREATER", "AT_LEAST", "LESS", "AT_MOST"] as const;
const SEVERITIES = ["WARNING", "CRITICAL", "INFO"] as const;

/** Makes a rule, or changes the one of this name. The signals are those that the monitor has now. */
export function RuleForm({ onClose, onSaved }: { readonly onClose: () => void; readonly onSaved: () => void }) {
  const word = alertWords();
  const signals = useAnswer("GET /signals", {});
  const metrics = signals.data?.metrics ?? [];
  const save = async (text: (name: string) => string) => {
    const name = text("name");
    const rule = {
      metric: text("metric"),
      condition: text("condition"),
      threshold: Number(text("threshold")),
      fireAfter: `${Number(text("after"))}s`,
      severity: text("severity"),
      summary: text("summary"),
      whatToDo: text("todo"),
    };
    await call("PUT /alerts/rules/{name}", { path: { name }, body: { rule } });
    onSaved();
    return word.saved(name);
  };
  return (
    <FormDialog title={word.add} submit={word.save} save={save} onClose={onClose}>
      {signals.error && <Failure error={signals.error} onRetry={signals.reload} />}
      <Field label={word.name} name="name" required />
      <Select label={word.metric} name="metric" options={metrics.map(({ name }) => ({ value: name, name }))} />
      <Select
        label={word.condition}
        name="condition"
        options={CONDITIONS.map((value) => ({ value, name: word.conditions[value] }))}
      />
      <Field label={word.threshold} name="threshold" type="number" step="any" required />
      <Field label={word.fireAfter} name="after" type="number" min="0" step="any" defaultValue="60" required />
      <Select
        label={word.severity}
        name="severity"
        options={SEVERITIES.map((value) => ({ value, name: word.severities[value] }))}
      />
      <Field label={word.summary} name="summary" />
      <Field label={word.todo} name="todo" />
    </FormDialog>
  );
}
