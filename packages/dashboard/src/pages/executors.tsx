import { ExecutorPanel } from "../executors/executor-panel.js";
import { Output } from "../executors/runs.js";
import { comma } from "../format.js";
import { executorWords } from "../i18n/executors.js";
import { AwaitedPage } from "../parts/awaited.js";
import { Empty, PageHead } from "../parts/layout.js";
import { parameter } from "../router.js";
import type { Executor } from "../routes.js";
import { snapshot } from "../store.js";

/** Executors with slots, engines and runs; drain, slots, probe, and the output of a run as it comes. */
export default function ExecutorsPage() {
  const word = executorWords();
  const executors = snapshot("executors").value?.executors;
  const health = snapshot("health").value;
  if (!executors) return <AwaitedPage name="executors" topic="executors" />;
  const chosen = parameter("executor");
  const watched = parameter("output");
  const shown = chosen === undefined ? executors : executors.filter(({ executorId }) => executorId === chosen);
  return (
    <>
      <PageHead title={titleOf(executors)} lead={leadOf(executors)} />
      {executors.length === 0 && <Empty title={word.noneLead} command="ccsp up" />}
      {watched !== undefined && <Output key={watched} taskId={watched} />}
      <div class="panels">
        {(shown.length > 0 ? shown : executors).map((executor) => (
          <ExecutorPanel
            key={executor.executorId}
            executor={executor}
            report={
              health?.instances.find(({ report }) => report?.executor?.executorId === executor.executorId)?.report
            }
          />
        ))}
      </div>
    </>
  );
}

function titleOf(executors: readonly Executor[]): string {
  const word = executorWords();
  if (executors.length === 0) return word.none;
  const engines = executors.flatMap(({ status }) => status?.engines ?? []);
  const sum = (of: "slots" | "running") => engines.reduce((all, engine) => all + engine[of], 0);
  return word.title(sum("running"), sum("slots"), executors.length);
}

function leadOf(executors: readonly Executor[]): string {
  const word = executorWords();
  if (executors.length === 0) return "";
  const named = (chosen: readonly Executor[]) => chosen.map(({ executorId }) => `\`${executorId}\``).join(comma());
  const away = executors.filter(({ status }) => status === undefined);
  const draining = executors.filter(({ status }) => status?.draining);
  const parts = [
    away.length > 0 && word.away(named(away)),
    draining.length > 0 && word.draining(named(draining), draining.length),
  ];
  return parts.filter(Boolean).join(" ") || word.allTake;
}
