import { useState } from "preact/hooks";
import { number, valueInUnits } from "../format.js";
import { alertWords } from "../i18n/alerts.js";
import { serverText } from "../i18n/server-texts.js";
import { wordOf } from "../i18n/states.js";
import { ActButton } from "../parts/act-button.js";
import { type AlertGroup, groupsOf } from "../parts/alert-groups.js";
import { Empty } from "../parts/layout.js";
import { useActs } from "../parts/palette.js";
import { DataTable } from "../parts/table.js";
import { State, Time, type Tone, Words } from "../parts/text.js";
import type { Alert } from "../routes.js";
import { SilenceDialog } from "./silences.js";

/** The alerts, those that fire first. Each with what to do. */
export function AlertList({ alerts }: { readonly alerts: readonly Alert[] }) {
  const word = alertWords();
  const [silencing, setSilencing] = useState<Alert | undefined>(undefined);
  const firing = alerts.filter(({ state }) => state === "FIRING");
  useActs(
    firing.map((alert) => ({
      name: `${alert.rule}: ${word.silence}`,
      scope: "monitor:manage",
      run: () => setSilencing(alert),
    })),
  );
  if (alerts.length === 0) return <Empty title={word.noAlerts} command="ccsp alert test usage-80" />;
  const groups = ["FIRING", "PENDING", "RESOLVED"].flatMap((state) =>
    // A silenced alert sends no notice, so it does not count in the group that does.
    [false, true].flatMap((silenced) =>
      groupsOf(alerts.filter((alert) => alert.state === state && alert.silencedBy.length > 0 === silenced)),
    ),
  );
  return (
    <>
      <DataTable
        label={word.tabs.alerts}
        rows={groups}
        rowKey={([{ id }]) => id}
        columns={[
          { name: word.state, cell: ([alert]) => <AlertState alert={alert} /> },
          { name: word.what, cell: (group) => <What group={group} /> },
          {
            name: word.value,
            cell: ([{ value, valueText }]) => valueInUnits(valueText) || number(value, 2),
            number: true,
            wide: true,
          },
          { name: word.since, cell: ([{ startTime }]) => startTime && <Time at={startTime} />, wide: true },
          {
            name: "",
            cell: ([alert]) => (
              <ActButton scope="monitor:manage" look="plain" onAct={() => setSilencing(alert)}>
                {word.silence}
              </ActButton>
            ),
          },
        ]}
      />
      {silencing && <SilenceDialog rule={silencing.rule} onClose={() => setSilencing(undefined)} />}
    </>
  );
}

function AlertState({ alert: { state, severity, silencedBy } }: { readonly alert: Alert }) {
  const word = alertWords();
  if (state === "FIRING" && silencedBy.length > 0) return <State tone="held">{word.silenced}</State>;
  if (state !== "FIRING")
    return <State tone={state === "PENDING" ? "held" : "none"}>{wordOf(word.states, state)}</State>;
  const tone: Tone = severity === "CRITICAL" ? "failed" : "held";
  return <State tone={tone}>{wordOf(word.severities, severity)}</State>;
}

const labelsOf = ({ labels }: Alert): string =>
  Object.entries<string>(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");

/** The first alert of a rule, and the others of the rule folded. */
function What({ group: [alert, ...others] }: { readonly group: AlertGroup }) {
  const { rule, summary, whatToDo } = alert;
  return (
    <>
      <strong>{serverText(summary) || rule}</strong>
      {whatToDo !== "" && (
        <p>
          <Words text={serverText(whatToDo)} />
        </p>
      )}
      <p class="third small">
        <code>{rule}</code> {labelsOf(alert)}
      </p>
      {others.length > 0 && (
        <details class="small">
          <summary>{alertWords().others(others.length)}</summary>
          <ul>
            {others.map((other) => (
              <li key={other.id}>
                {serverText(other.summary) || rule} <span class="third">{labelsOf(other)}</span>
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}
