import { useState } from "preact/hooks";
import { call } from "../api.js";
import { duration, milliseconds, number } from "../format.js";
import { alertWords } from "../i18n/alerts.js";
import { serverText } from "../i18n/server-texts.js";
import { wordOf } from "../i18n/states.js";
import { ActButton } from "../parts/act-button.js";
import { confirm } from "../parts/dialog.js";
import { useActs } from "../parts/palette.js";
import { DataTable } from "../parts/table.js";
import { State } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";
import { matchersText } from "./matchers.js";
import { RuleForm } from "./rule-form.js";

type RuleStatus = Answer<"GET /alerts/rules">["rules"][number];
type Rule = NonNullable<RuleStatus["rule"]>;

/** The rules, those that fire first. Each can be tested, changed, turned off and deleted. */
export function Rules({ rules, onChange }: { readonly rules: readonly RuleStatus[]; readonly onChange: () => void }) {
  const word = alertWords();
  const [adding, setAdding] = useState(false);
  const [changing, setChanging] = useState<Rule | undefined>(undefined);
  useActs([{ name: word.add, scope: "monitor:manage", run: () => setAdding(true) }]);
  return (
    <>
      <DataTable
        label={word.tabs.rules}
        rows={rules.toSorted((one, other) => other.firing - one.firing || other.pending - one.pending)}
        rowKey={({ rule }) => rule?.name ?? ""}
        columns={[
          { name: word.rule, cell: (status) => <Name status={status} /> },
          { name: word.condition, cell: ({ rule }) => rule && <code>{conditionOf(rule)}</code>, wide: true },
          { name: word.severity, cell: ({ rule }) => wordOf(word.severities, rule?.severity ?? ""), wide: true },
          { name: word.fires, cell: ({ firing }) => number(firing), number: true },
          { name: "", cell: (status) => <RuleActs status={status} onEdit={setChanging} onChange={onChange} /> },
        ]}
      />
      <p class="acts">
        <ActButton scope="monitor:manage" onAct={() => setAdding(true)}>
          {word.add}
        </ActButton>
      </p>
      {adding && <RuleForm onClose={() => setAdding(false)} onSaved={onChange} />}
      {changing && <RuleForm rule={changing} onClose={() => setChanging(undefined)} onSaved={onChange} />}
    </>
  );
}

function Name({ status: { rule, builtIn, fault } }: { readonly status: RuleStatus }) {
  const word = alertWords();
  return (
    <>
      <code>{rule?.name}</code> {rule?.disabled && <State tone="none">{word.disabled}</State>}
      <p class="third small">{serverText(rule?.summary ?? "") || (builtIn ? word.builtIn : "")}</p>
      {fault !== "" && <p class="small">{fault}</p>}
    </>
  );
}

function conditionOf({ metric, matchers, condition, threshold, fireAfter }: Rule): string {
  const word = alertWords();
  const chosen = matchersText(matchers);
  const signal = chosen === "" ? metric : `${metric}{${chosen}}`;
  const after = fireAfter && milliseconds(fireAfter) > 0 ? ` ${word.forTime(duration(milliseconds(fireAfter)))}` : "";
  return `${signal} ${wordOf(word.conditions, condition)} ${number(threshold, 4)}${after}`;
}

function RuleActs({
  status,
  onEdit,
  onChange,
}: {
  readonly status: RuleStatus;
  readonly onEdit: (rule: Rule) => void;
  readonly onChange: () => void;
}) {
  const word = alertWords();
  const { rule, stored } = status;
  if (!rule) return null;
  const { name } = rule;
  const test = () =>
    act(async () => {
      await call("POST /alerts/rules/test", { body: { name } });
      return word.tested(name);
    });
  return (
    <span class="acts">
      <ActButton scope="monitor:manage" look="plain" onAct={() => void test()}>
        {word.test}
      </ActButton>
      <ActButton scope="monitor:manage" look="plain" onAct={() => onEdit(rule)}>
        {word.change}
      </ActButton>
      <ActButton scope="monitor:manage" look="plain" onAct={() => void setDisabled(rule, !rule.disabled, onChange)}>
        {rule.disabled ? word.turnOn : word.turnOff}
      </ActButton>
      {stored && (
        <ActButton scope="monitor:manage" look="plain" onAct={() => void remove(name, onChange)}>
          {word.remove}
        </ActButton>
      )}
    </span>
  );
}

/** It can be taken back, so it is done at once. */
async function setDisabled(rule: Rule, disabled: boolean, onChange: () => void): Promise<void> {
  const word = alertWords();
  const { name } = rule;
  const done = await act(
    async () => {
      await call("PUT /alerts/rules/{name}", { path: { name }, body: { rule: { ...rule, disabled } } });
      return disabled ? word.turnedOff(name) : word.turnedOn(name);
    },
    () => void setDisabled(rule, !disabled, onChange),
  );
  if (done) onChange();
}

async function remove(name: string, onChange: () => void): Promise<void> {
  const word = alertWords();
  const sure = await confirm({ title: word.removeTitle(`\`${name}\``), effect: word.removeEffect, act: word.remove });
  if (!sure) return;
  const done = await act(async () => {
    await call("DELETE /alerts/rules/{name}", { path: { name } });
    return word.removed(name);
  });
  if (done) onChange();
}
