import { useState } from "preact/hooks";
import { number, valueInUnits } from "../format.js";
import { alertWords } from "../i18n/alerts.js";
import { serverText } from "../i18n/server-texts.js";
import { wordOf } from "../i18n/states.js";
import { ActButton } from "../parts/act-button.js";
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
  const order = ["FIRING", "PENDING", "RESOLVED"];
  return (
    <>
      <DataTable
        label={word.tabs.alerts}
        rows={alerts.toSorted((one, other) => order.indexOf(one.state) - order.indexOf(other.state))}
        rowKey={({ id }) => id}
        columns={[
          { name: word.state, cell: (alert) => <AlertState alert={alert} /> },
          { name: word.what, cell: (alert) => <What alert={alert} /> },
          {
            name: word.value,
            cell: ({ value, valueText }) => valueInUnits(valueText) || number(value, 2),
            number: true,
            wide: true,
          },
          { name: word.since, cell: ({ startTime }) => startTime && <Time at={startTime} />, wide: true },
          {
            name: "",
            cell: (alert) => (
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

function What({ alert: { rule, summary, whatToDo, labels } }: { readonly alert: Alert }) {
  const named = Object.entries<string>(labels).map(([name, value]) => `${name}=${value}`);
  return (
    <>
      <strong>{serverText(summary) || rule}</strong>
      {whatToDo !== "" && (
        <p>
          <Words text={serverText(whatToDo)} />
        </p>
      )}
      <p class="third small">
        <code>{rule}</code> {named.join(" ")}
      </p>
    </>
  );
}
