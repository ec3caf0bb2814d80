import { useAnswer } from "../answer.js";
import { failureWords } from "../i18n/failures.js";
import { overviewWords } from "../i18n/overview.js";
import { shellWords } from "../i18n/shell.js";
import { ActivityPanel } from "../overview/activity-panel.js";
import { ExecutorsPanel } from "../overview/executors-panel.js";
import { headline, type Situation } from "../overview/headline.js";
import { budgetOutlook, windowOutlook } from "../overview/limits.js";
import { LimitsPanel } from "../overview/limits-panel.js";
import { NeedsPerson } from "../overview/needs-person.js";
import { Starts } from "../overview/starts-panel.js";
import { Empty, PageHead, Panel } from "../parts/layout.js";
import { Words } from "../parts/text.js";
import { refusals, snapshot } from "../store.js";

const REFRESH_MS = 30_000;

/** How things are: limits, starts, what needs a person, running and waiting, executors. */
export default function OverviewPage() {
  const word = overviewWords();
  const queue = snapshot("queue").value;
  const executors = snapshot("executors").value?.executors;
  const usage = snapshot("usage").value;
  const health = snapshot("health").value;
  const slos = useAnswer("GET /slos", {}, { everyMs: REFRESH_MS });
  const sessions = useAnswer("GET /sessions", {}, { everyMs: REFRESH_MS });
  const now = Date.now();
  const situation: Situation = {
    queue,
    executors,
    limits: [
      ...(usage?.windows ?? []).map((window) => windowOutlook(window, now)),
      ...(usage?.budgets ?? []).map((budget) => budgetOutlook(budget, now)),
    ],
    alerts: snapshot("alerts").value?.alerts ?? [],
    sessions: sessions.data?.sessions ?? [],
  };
  const { title, lead, idle } = headline(situation);
  return (
    <>
      <PageHead title={title} lead={lead} />
      {idle && <Empty title={word.nothingYet} command='ccsp run "Say hello"' />}
      <div class="panels overview">
        {usage ? <LimitsPanel usage={usage} /> : <Pending title={word.limits} topic="usage" />}
        <Panel title={word.starts}>
          {slos.data && <Starts slos={slos.data.slos} queue={queue} />}
          <h3>{word.person}</h3>
          <NeedsPerson situation={situation} />
        </Panel>
        <ActivityPanel />
        {executors ? (
          <ExecutorsPanel executors={executors} health={health} />
        ) : (
          <Pending title={word.executors} topic="executors" />
        )}
      </div>
    </>
  );
}

/** A panel whose data has not come, or does not come because the sign-in may not read it. */
function Pending({ title, topic }: { readonly title: string; readonly topic: "usage" | "executors" }) {
  const word = shellWords();
  const reason = refusals.value[topic];
  const why = reason === "SCOPE_MISSING" ? word.hidden("monitor:read") : reason ? failureWords().away : word.loading;
  return (
    <Panel title={title}>
      <p class="third">
        <Words text={why} />
      </p>
    </Panel>
  );
}
