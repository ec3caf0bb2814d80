import { useState } from "preact/hooks";
import { call } from "../api.js";
import { bytes, duration, milliseconds, number, share } from "../format.js";
import { executorWords } from "../i18n/executors.js";
import { overviewWords } from "../i18n/overview.js";
import { wordOf } from "../i18n/states.js";
import { slotsOf } from "../overview/executors-panel.js";
import { ActButton } from "../parts/act-button.js";
import { Facts, Panel } from "../parts/layout.js";
import { Slots } from "../parts/marks.js";
import { useActs } from "../parts/palette.js";
import { DataTable } from "../parts/table.js";
import { State } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Executor } from "../routes.js";
import type { Snapshots } from "../store.js";
import { Runs } from "./runs.js";

type Status = NonNullable<Executor["status"]>;
type Report = NonNullable<Snapshots["health"]["instances"][number]["report"]>;

/** One executor: its slots, its engines, its host and what it runs. */
export function ExecutorPanel({
  executor: { executorId, address, status, error },
  report,
}: {
  readonly executor: Executor;
  readonly report: Report | undefined;
}) {
  const word = executorWords();
  const changeDraining = () => void setDraining(executorId, !status?.draining);
  const drainWord = status?.draining ? word.takeAgain : word.drain;
  useActs(status ? [{ name: `${executorId}: ${drainWord}`, scope: "executor:manage", run: changeDraining }] : []);
  if (!status) {
    return (
      <Panel title={executorId} tone="held" aside={<State tone="held">{word.noAnswer}</State>}>
        <p>{error}</p>
        <p class="third">{address}</p>
      </Panel>
    );
  }
  return (
    <Panel
      title={executorId}
      aside={
        <span class="acts">
          {status.draining && <State tone="held">{word.isDraining}</State>}
          <ActButton scope="executor:manage" onAct={changeDraining}>
            {drainWord}
          </ActButton>
        </span>
      }
    >
      <Slots label={overviewWords().slotsOf(executorId)} slots={slotsOf(status)} />
      <Engines executorId={executorId} engines={status.engines} />
      <Facts facts={factsOf(status, report)} />
      <h3>{word.currentRuns}</h3>
      <Runs runs={status.runs} />
    </Panel>
  );
}

/** It can be taken back, so it is done at once. */
async function setDraining(executorId: string, draining: boolean): Promise<void> {
  const word = executorWords();
  await act(
    async () => {
      const { running } = await call("PUT /executors/{executorId}/draining", {
        path: { executorId },
        body: { draining },
      });
      return draining ? word.drained(executorId, running) : word.takes(executorId);
    },
    () => void setDraining(executorId, !draining),
  );
}

function Engines({ executorId, engines }: { readonly executorId: string; readonly engines: Status["engines"] }) {
  const word = executorWords();
  return (
    <DataTable
      label={word.engine}
      rows={engines}
      rowKey={({ engine }) => engine}
      columns={[
        { name: word.engine, cell: ({ engine }) => engine },
        { name: word.version, cell: ({ version }) => version, wide: true },
        { name: word.login, cell: ({ account }) => account || "–", wide: true },
        { name: word.runs, cell: ({ running }) => number(running), number: true },
        { name: word.warm, cell: ({ warm }) => number(warm), number: true, wide: true },
        { name: word.slots, cell: (engine) => <SlotCount executorId={executorId} {...engine} />, number: true },
        { name: "", cell: ({ engine }) => <Probe executorId={executorId} engine={engine} /> },
      ]}
    />
  );
}

const MOST_SLOTS = 1_000;

function SlotCount({
  executorId,
  engine,
  slots,
}: {
  readonly executorId: string;
  readonly engine: string;
  readonly slots: number;
}) {
  const word = executorWords();
  const set = (wanted: number) =>
    act(
      async () => {
        const body = { engine, slots: wanted };
        const { engine: now } = await call("PUT /executors/{executorId}/concurrency", { path: { executorId }, body });
        return word.slotsSet(engine, now?.slots ?? wanted);
      },
      () => void set(slots),
    );
  return (
    <input
      class="count"
      type="number"
      min={1}
      max={MOST_SLOTS}
      aria-label={word.slotsOf(engine)}
      value={slots}
      onChange={({ currentTarget }) => {
        const wanted = currentTarget.valueAsNumber;
        if (currentTarget.reportValidity() && Number.isInteger(wanted) && wanted !== slots) void set(wanted);
      }}
    />
  );
}

function Probe({ executorId, engine }: { readonly executorId: string; readonly engine: string }) {
  const word = executorWords();
  const [probing, setProbing] = useState(false);
  const probe = async () => {
    setProbing(true);
    await act(async () => {
      const answer = await call("POST /executors/{executorId}/probe", { path: { executorId }, body: { engine } });
      if (!answer.ok) return word.probeFailed(engine, answer.error?.message ?? "");
      return word.probed(engine, answer.firstText ? duration(milliseconds(answer.firstText)) : "–");
    });
    setProbing(false);
  };
  if (probing) return <span class="third">{word.probing}</span>;
  return (
    <ActButton scope="executor:manage" look="plain" onAct={() => void probe()}>
      {word.probe}
    </ActButton>
  );
}

function factsOf({ sandbox }: Status, report: Report | undefined): readonly (readonly [string, string])[] {
  const word = executorWords();
  const facts: [string, string][] = [];
  const { resources, uptime } = report ?? {};
  if (resources) {
    facts.push(
      [word.cpu, share(resources.hostCpuShare)],
      [word.memory, word.memoryOf(share(resources.memoryShare), bytes(resources.memoryLimitBytes))],
    );
    if (resources.diskFreeShare !== undefined) facts.push([word.disk, share(resources.diskFreeShare)]);
  }
  if (uptime) facts.push([word.uptime, duration(milliseconds(uptime))]);
  if (sandbox) {
    const { confined, network, reason } = sandbox;
    facts.push([word.sandbox, confined ? word.confined(wordOf(word.networks, network)) : word.notConfined(reason)]);
  }
  return facts;
}
