import { useState } from "preact/hooks";
import { call, type Input } from "../api.js";
import { usageWords } from "../i18n/usage.js";
import { Field, Select } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";
import { act } from "../parts/toast.js";
import type { BudgetStanding } from "../routes.js";

type Budget = NonNullable<BudgetStanding["budget"]>;
type Written = NonNullable<NonNullable<Input<"PUT /budgets/{name}">["body"]>["budget"]>;

const UNITS = ["USD", "TOKENS", "REQUESTS"] as const;
const PERIODS = ["HOUR", "DAY", "MONTH"] as const;
const ACTIONS = ["REFUSE", "PARK"] as const;
const HOLDERS = ["everybody", "agentId", "label", "model", "engine", "account"] as const;

/** Makes a budget, or changes one, which can be taken back. */
export function BudgetForm({
  budget,
  onClose,
  onSaved,
}: {
  /** The one to change. Without it, the form asks for a name. */
  readonly budget?: Budget | undefined;
  readonly onClose: () => void;
  readonly onSaved: () => void;
}) {
  const word = usageWords();
  const [holder, setHolder] = useState<string>(holderKind(budget));
  const put = async (name: string, changed: Written) => {
    await call("PUT /budgets/{name}", { path: { name }, body: { budget: changed } });
    onSaved();
    return word.saved(name);
  };
  const save = (text: (name: string) => string) =>
    put(budget?.name ?? text("name"), { ...budgetOf(holder, text), warnShares: budget?.warnShares });
  return (
    <FormDialog
      title={budget ? word.changeTitle(`\`${budget.name}\``) : word.add}
      submit={word.save}
      save={save}
      {...(budget && { undo: () => void act(() => put(budget.name, budget)) })}
      onClose={onClose}
    >
      <BudgetFields budget={budget} holder={holder} onHolder={setHolder} />
    </FormDialog>
  );
}

function BudgetFields({
  budget,
  holder,
  onHolder,
}: {
  readonly budget: Budget | undefined;
  readonly holder: string;
  readonly onHolder: (holder: string) => void;
}) {
  const word = usageWords();
  return (
    <>
      {!budget && <Field label={word.name} name="name" required />}
      <Field
        label={word.limit}
        name="limit"
        type="number"
        min="0"
        step="any"
        defaultValue={budget?.limit ?? ""}
        required
      />
      <Select
        label={word.unit}
        name="unit"
        value={budget?.unit ?? "USD"}
        options={UNITS.map((value) => ({ value, name: word.units[value] }))}
      />
      <Select
        label={word.period}
        name="period"
        value={budget?.period ?? "DAY"}
        options={PERIODS.map((value) => ({ value, name: word.periods[value] }))}
      />
      <Select
        label={word.holder}
        name="holder"
        value={holder}
        onChange={onHolder}
        options={HOLDERS.map((value) => ({
          value,
          name: { ...word, agentId: word.agent, label: word.labelled }[value],
        }))}
      />
      {holder !== "everybody" && (
        <Field label={word.holderName} name="who" defaultValue={holderName(budget)} required />
      )}
      <Field
        label={word.zone}
        name="zone"
        defaultValue={budget ? budget.timeZone || "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone}
        required
      />
      <Select
        label={word.whenUsed}
        name="action"
        value={holder === "account" ? "PARK" : (budget?.action ?? "REFUSE")}
        options={ACTIONS.filter((value) => holder !== "account" || value === "PARK").map((value) => ({
          value,
          name: word.actions[value],
        }))}
      />
    </>
  );
}

const holderKind = ({ holder = {} }: Partial<Budget> = {}): (typeof HOLDERS)[number] =>
  HOLDERS.find((kind) => holder[kind] !== undefined) ?? "everybody";

function holderName({ holder: { agentId, label, model, engine, account } = {} }: Partial<Budget> = {}): string {
  return agentId ?? label ?? model ?? engine ?? (account ? `${account.engine}/${account.account}` : "");
}

function budgetOf(holder: string, text: (name: string) => string): Written {
  return {
    holder: holderOf(holder, holder === "everybody" ? "" : text("who")),
    unit: text("unit"),
    limit: Number(text("limit")),
    period: text("period"),
    timeZone: text("zone"),
    action: text("action"),
  };
}

function holderOf(kind: string, name: string): Written["holder"] {
  if (kind === "everybody") return { everybody: true };
  const [engine = "", ...account] = name.split("/");
  return { [kind]: kind === "account" ? { engine, account: account.join("/") } : name };
}
