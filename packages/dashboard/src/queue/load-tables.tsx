import { duration, number } from "../format.js";
import { queueWords } from "../i18n/queue.js";
import { workWords } from "../i18n/work.js";
import { ActButton } from "../parts/act-button.js";
import { Panel } from "../parts/layout.js";
import { type Column, DataTable } from "../parts/table.js";
import { State } from "../parts/text.js";
import type { QueueStatus } from "../routes.js";
import { loadOf } from "./loads.js";

/** What waits and runs by engine. */
export function EnginesPanel({ status }: { readonly status: QueueStatus }) {
  const word = queueWords();
  const rows = status.engines.map((engine) => ({
    engine,
    ...loadOf(status.depths.filter((depth) => depth.engine === engine)),
    executors: status.executors.filter(({ engines }) => engines.some((offer) => offer.engine === engine)).length,
  }));
  const columns: Column<(typeof rows)[number]>[] = [
    {
      name: workWords().engine,
      cell: ({ engine, held }) => (
        <>
          <a href={`/tasks?engine=${encodeURIComponent(engine)}`}>{engine}</a>{" "}
          {held && <State tone="held">{word.heldByGate}</State>}
        </>
      ),
    },
    { name: word.waitingColumn, number: true, cell: ({ waiting }) => number(waiting) },
    { name: word.oldestColumn, number: true, cell: ({ oldest }) => (oldest === undefined ? "–" : duration(oldest)) },
    { name: word.parkedColumn, number: true, wide: true, cell: ({ parked }) => number(parked) },
    { name: word.runningColumn, number: true, cell: ({ running }) => number(running) },
    { name: word.executorsColumn, number: true, wide: true, cell: ({ executors }) => number(executors) },
  ];
  return (
    <Panel title={word.byEngine}>
      <DataTable label={word.byEngine} columns={columns} rows={rows} rowKey={({ engine }) => engine} />
    </Panel>
  );
}

/** The agents with the most tasks, each with the way to hold it back. */
export function AgentsPanel({
  status,
  onPause,
}: {
  readonly status: QueueStatus;
  readonly onPause: (agent: string) => void;
}) {
  const word = queueWords();
  if (status.agents.length === 0) return null;
  const columns: Column<QueueStatus["agents"][number]>[] = [
    {
      name: workWords().agent,
      cell: ({ agentId, paused }) => (
        <>
          <a href={`/tasks?agent=${encodeURIComponent(agentId)}`}>{agentId}</a>{" "}
          {paused && <State tone="held">{word.heldByGate}</State>}
        </>
      ),
    },
    { name: word.waitingColumn, number: true, cell: ({ waiting }) => number(waiting) },
    { name: word.runningColumn, number: true, cell: ({ running }) => number(running) },
    {
      name: "",
      number: true,
      cell: ({ agentId, paused }) =>
        paused ? (
          ""
        ) : (
          <ActButton scope="queue:manage" look="plain" onAct={() => onPause(agentId)}>
            {word.pauseAgent}
          </ActButton>
        ),
    },
  ];
  return (
    <Panel title={word.byAgent}>
      <DataTable label={word.byAgent} columns={columns} rows={status.agents} rowKey={({ agentId }) => agentId} />
    </Panel>
  );
}
