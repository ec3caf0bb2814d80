import { useAnswer } from "../answer.js";
import { call } from "../api.js";
import { alertWords } from "../i18n/alerts.js";
import { Dialog } from "../parts/dialog.js";
import { Field, Select, textsOf } from "../parts/fields.js";
import { act } from "../parts/toast.js";

const CONDITIONS = ["GREATER", "AT_LEAST", "LESS", "AT_MOST"] as const;
const SEVERITIES = ["WARNING", "CRITICAL", "INFO"] as const;

/** Makes a rule, or changes the one of this name. The signals are those that the monitor has now. */
export function RuleForm({ onClose, onSaved }: { readonly onClose: () => void; readonly onSaved: () => void }) {
  const word = alertWords();
  const signals = useAnswer("GET /signals", {});
  const metrics = signals.data?.metrics ?? [];
  const save = async (form: HTMLFormElement) => {
    const text = textsOf(form);
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
    const done = await act(async () => {
      await call("PUT /alerts/rules/{name}", { path: { name }, body: { rule } });
      return word.saved(name);
    });
    if (done) onSaved();
  };
  return (
    <Dialog title={word.add} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void save(event.currentTarget);
        }}
      >
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
        <div class="acts">
          <button type="submit" class="primary">
            {word.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
