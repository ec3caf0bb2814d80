import { useAnswer } from "../answer.js";
import { overviewWords } from "../i18n/overview.js";
import { ActivityPanel } from "../overview/activity-panel.js";
import { ExecutorsPanel } from "../overview/executors-panel.js";
import { headline, type Situation } from "../overview/headline.js";
import { budgetOutlook, windowOutlook } from "../overview/limits.js";
import { LimitsPanel } from "../overview/limits-panel.js";
import { NeedsPerson } from "../overview/needs-person.js";
import { Starts } from "../overview/starts-panel.js";
import { Awaited } from "../parts/awaited.js";
import { Failure } from "../parts/failure.js";
import { Empty, PageHead, Panel } from "../parts/layout.js";
import { may } from "../session.js";
import { snapshot } from "../store.js";

const REFRESH_MS = 30_000;

/** How things are: limits, starts, what needs a person, running and waiting, executors. */
export default function OverviewPage() {
  return may("tasks:read-all") ? <WholeOverview /> : <OwnOverview />;
}

/** For a sign-in that sees only its own tasks. */
function OwnOverview() {
  const word = overviewWords();
  return (
    <PageHead
      title={word.own}
      lead={word.ownLead}
      acts={
        <a class="button" href="/tasks">
          {word.ownTasks}
        </a>
      }
    />
  );
}

function WholeOverview() {
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
        <LimitsPanel usage={usage} />
        <Panel title={word.starts}>
          {slos.error && <Failure error={slos.error} onRetry={slos.reload} />}
          {slos.data && <Starts slos={slos.data.slos} queue={queue} />}
          <h3>{word.person}</h3>
          <NeedsPerson situation={situation} />
        </Panel>
        <ActivityPanel queue={queue} />
        {executors ? (
          <ExecutorsPanel executors={executors} health={health} />
        ) : (
          <Panel title={word.executors}>
            <Awaited topic="executors" />
          </Panel>
        )}
      </div>
    </>
  );
}
