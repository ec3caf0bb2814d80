import { bytes, share } from "../format.js";
import { overviewWords } from "../i18n/overview.js";
import { Empty, Line, Panel } from "../parts/layout.js";
import { type Slot, Slots } from "../parts/marks.js";
import { State } from "../parts/text.js";
import type { Executor } from "../routes.js";
import type { Snapshots } from "../store.js";
import { Services } from "./services.js";

/** Each executor with its slots: a crowd of them is read at a glance. Then the services. */
export function ExecutorsPanel({
  executors,
  health,
}: {
  readonly executors: readonly Executor[];
  readonly health: Snapshots["health"] | undefined;
}) {
  const word = overviewWords();
  return (
    <Panel title={word.executors}>
      {executors.length === 0 && <Empty title={word.noExecutors} command="ccsp up" />}
      {executors.map((executor) => (
        <div class="executor" key={executor.executorId}>
          <Line value={executor.status && word.runs(executor.status.runs.length)}>
            <a href={`/executors?executor=${encodeURIComponent(executor.executorId)}`} class="name">
              {executor.executorId}
            </a>{" "}
            <span class="third">{descriptionOf(executor, health)}</span>
            {executor.error !== "" && <State tone="held">{word.noAnswer}</State>}
          </Line>
          {executor.status && <Slots label={word.slotsOf(executor.executorId)} slots={slotsOf(executor.status)} />}
        </div>
      ))}
      {executors.length > 0 && <p class="third legend">{word.legend}</p>}
      <Services health={health} />
    </Panel>
  );
}

function descriptionOf({ executorId, status }: Executor, health: Snapshots["health"] | undefined): string {
  const word = overviewWords();
  if (!status) return "";
  const resources = health?.instances.find(({ report }) => report?.executor?.executorId === executorId)?.report
    ?.resources;
  return [
    word.slots(status.engines.reduce((sum, { slots }) => sum + slots, 0)),
    status.draining ? word.draining : resources && word.cpu(share(resources.hostCpuShare)),
    !status.draining && resources && bytes(resources.memoryShare * resources.memoryLimitBytes),
  ]
    .filter(Boolean)
    .join(" · ");
}

/** One square for each slot: runs first, then processes that wait, then empty ones. */
export function slotsOf(status: NonNullable<Executor["status"]>): readonly Slot[] {
  const word = overviewWords();
  const { engines, runs, draining } = status;
  const total = engines.reduce((sum, { slots }) => sum + slots, 0);
  const warm = engines.reduce((sum, engine) => sum + engine.warm, 0);
  const filled: Slot[] = runs.map(({ taskId }) => ({
    kind: draining ? "stopping" : "run",
    href: `/tasks/${encodeURIComponent(taskId)}`,
    label: draining ? word.slotStopping(taskId) : word.slotRun(taskId),
  }));
  const free = Math.max(total - filled.length, 0);
  const rest: Slot[] = Array.from({ length: free }, (_, index) =>
    index < warm ? { kind: "warm", label: word.slotWarm } : { kind: "empty", label: word.slotEmpty },
  );
  return [...filled, ...rest];
}
