import { AlertList } from "../alerts/alert-list.js";
import { Rules } from "../alerts/rules.js";
import { Silences } from "../alerts/silences.js";
import { useAnswer } from "../answer.js";
import { alertWords } from "../i18n/alerts.js";
import { serverText } from "../i18n/server-texts.js";
import { AwaitedPage } from "../parts/awaited.js";
import { Failure } from "../parts/failure.js";
import { PageHead, Panel, Tabs } from "../parts/layout.js";
import { hrefWith, parameter } from "../router.js";
import type { Alert } from "../routes.js";
import { snapshot } from "../store.js";

const TABS = ["alerts", "rules", "silences"] as const;
const REFRESH_MS = 30_000;

/** What fires and what to do, the rules, and the silences. */
export default function AlertsPage() {
  const word = alertWords();
  const tab = TABS.find((name) => name === parameter("tab")) ?? "alerts";
  const alerts = snapshot("alerts").value?.alerts;
  const rules = useAnswer("GET /alerts/rules", {}, { everyMs: REFRESH_MS });
  if (!alerts) return <AwaitedPage name="alerts" topic="alerts" />;
  return (
    <>
      <PageHead {...headOf(alerts, rules.data?.rules.length ?? 0)} />
      <Tabs
        label={word.label}
        tabs={TABS.map((name) => ({ name: word.tabs[name], href: hrefWith({ tab: name }), current: name === tab }))}
      />
      <Panel>
        {rules.error && <Failure error={rules.error} onRetry={rules.reload} />}
        {tab === "alerts" && <AlertList alerts={alerts} />}
        {tab === "rules" && rules.data && <Rules rules={rules.data.rules} onChange={rules.reload} />}
        {tab === "silences" && <Silences />}
      </Panel>
    </>
  );
}

function headOf(alerts: readonly Alert[], rules: number): { readonly title: string; readonly lead?: string } {
  const word = alertWords();
  const firing = alerts.filter(({ state }) => state === "FIRING");
  if (firing.length === 0) return { title: word.quiet, ...(rules > 0 && { lead: word.quietLead(rules) }) };
  const critical = firing.filter(({ severity }) => severity === "CRITICAL");
  const [worst] = [...critical, ...firing];
  return {
    title: word.firing(firing.length, critical.length),
    lead: serverText(worst?.whatToDo || worst?.summary || ""),
  };
}
