import { useAnswer } from "../answer.js";
import { call } from "../api.js";
import { milliseconds } from "../format.js";
import { alertWords } from "../i18n/alerts.js";
import { Failure } from "../parts/failure.js";
import { Field, Select } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";
import { Words } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";
import { matchersText } from "./matchers.js";

const CONDITIONS = ["GREATER", "AT_LEAST", "LESS", "AT_MOST"] as const;
const SEVERITIES = ["WARNING", "CRITICAL", "INFO"] as const;

type Rule = NonNullable<Answer<"GET /alerts/rules">["rules"][number]["rule"]>;

/** Makes a rule, or changes one, which can be taken back. The signals are those that the monitor has now. */
export function RuleForm({
  rule,
  onClose,
  onSaved,
}: {
  /** The one to change. Without it, the form asks for a name. What the form does not show, such as channels, stays. */
  readonly rule?: Rule | undefined;
  readonly onClose: () => void;
  readonly onSaved: () => void;
}) {
  const word = alertWords();
  const signals = useAnswer("GET /signals", {});
  const known = (signals.data?.metrics ?? []).map(({ name }) => name);
  const metrics = rule && !known.includes(rule.metric) ? [rule.metric, ...known] : known;
  const put = async (name: string, changed: Partial<Rule>) => {
    await call("PUT /alerts/rules/{name}", { path: { name }, body: { rule: changed } });
    onSaved();
    return word.saved(name);
  };
  const save = (text: (name: string) => string) => put(rule?.name ?? text("name"), { ...rule, ...ruleOf(text) });
  return (
    <FormDialog
      title={rule ? word.changeTitle(`\`${rule.name}\``) : word.add}
      submit={word.save}
      save={save}
      {...(rule && { undo: () => void act(() => put(rule.name, rule)) })}
      onClose={onClose}
    >
      {signals.error && <Failure error={signals.error} onRetry={signals.reload} />}
      <RuleFields rule={rule} metrics={metrics} />
    </FormDialog>
  );
}

function RuleFields({ rule, metrics }: { readonly rule: Rule | undefined; readonly metrics: readonly string[] }) {
  const word = alertWords();
  return (
    <>
      {!rule && <Field label={word.name} name="name" required />}
      <Select
        label={word.metric}
        name="metric"
        value={rule?.metric}
        options={metrics.map((value) => ({ value, name: value }))}
      />
      {rule && rule.matchers.length > 0 && (
        <p class="third">
          <Words text={word.onlyThose(`\`${matchersText(rule.matchers)}\``)} />
        </p>
      )}
      <Select
        label={word.condition}
        name="condition"
        value={rule?.condition}
        options={CONDITIONS.map((value) => ({ value, name: word.conditions[value] }))}
      />
      <Field
        label={word.threshold}
        name="threshold"
        type="number"
        step="any"
        defaultValue={rule?.threshold ?? ""}
        required
      />
      <Field
        label={word.fireAfter}
        name="after"
        type="number"
        min="0"
        step="any"
        defaultValue={rule ? milliseconds(rule.fireAfter ?? "0s") / 1000 : 60}
        required
      />
      <Select
        label={word.severity}
        name="severity"
        value={rule?.severity}
        options={SEVERITIES.map((value) => ({ value, name: word.severities[value] }))}
      />
      <Field label={word.summary} name="summary" maxLength={256} defaultValue={rule?.summary ?? ""} required />
      <Field label={word.todo} name="todo" maxLength={1024} defaultValue={rule?.whatToDo ?? ""} />
    </>
  );
}

function ruleOf(text: (name: string) => string): Partial<Rule> {
  return {
    metric: text("metric"),
    condition: text("condition"),
    threshold: Number(text("threshold")),
    fireAfter: `${Number(text("after"))}s`,
    severity: text("severity"),
    summary: text("summary"),
    whatToDo: text("todo"),
  };
}
