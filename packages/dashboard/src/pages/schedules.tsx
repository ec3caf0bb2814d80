import { useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { type ApiError, call } from "../api.js";
import { time } from "../format.js";
import { scheduleWords } from "../i18n/schedules.js";
import { shellWords } from "../i18n/shell.js";
import { ActButton } from "../parts/act-button.js";
import { titleWithout } from "../parts/awaited.js";
import { confirm } from "../parts/dialog.js";
import { Failure } from "../parts/failure.js";
import { Field } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";
import { Empty, PageHead, Panel } from "../parts/layout.js";
import { useActs } from "../parts/palette.js";
import { DataTable } from "../parts/table.js";
import { Id, State, Time } from "../parts/text.js";
import { act } from "../parts/toast.js";
import type { Answer } from "../routes.js";

type Schedule = Answer<"GET /schedules">["schedules"][number];

const REFRESH_MS = 15_000;

/** The schedules of the signed-in identity: what comes when, and what the last task was. */
export default function SchedulesPage() {
  const word = scheduleWords();
  const { data, error, reload } = useAnswer("GET /schedules", {}, { everyMs: REFRESH_MS });
  const [adding, setAdding] = useState(false);
  useActs([{ name: word.add, scope: "tasks:submit", run: () => setAdding(true) }]);
  return (
    <>
      <PageHead
        {...headOf(data?.schedules, error)}
        acts={
          <ActButton scope="tasks:submit" onAct={() => setAdding(true)}>
            {word.add}
          </ActButton>
        }
      />
      {error && <Failure error={error} onRetry={reload} />}
      {data?.schedules.length === 0 && (
        <Empty title={word.teach} command='ccsp schedule put nightly "0 3 * * *" "Look for flaky tests"' />
      )}
      {data !== undefined && data.schedules.length > 0 && (
        <Panel>
          <ScheduleTable schedules={data.schedules} onChange={reload} />
        </Panel>
      )}
      {adding && <ScheduleForm onClose={() => setAdding(false)} onSaved={reload} />}
    </>
  );
}

function headOf(
  schedules: readonly Schedule[] | undefined,
  error: ApiError | undefined,
): { readonly title: string; readonly lead?: string } {
  const word = scheduleWords();
  if (!schedules) return { title: titleWithout("schedules", error) };
  if (schedules.length === 0) return { title: word.none };
  const next = schedules.flatMap(({ paused, nextRunTimes }) => (paused ? [] : nextRunTimes.slice(0, 1))).toSorted()[0];
  const faults = schedules.filter(({ lastFault }) => lastFault !== "").length;
  return {
    title: next === undefined ? word.idle(schedules.length) : word.title(schedules.length, time(next)),
    lead: faults > 0 ? word.faults(faults) : word.own,
  };
}

function ScheduleTable({
  schedules,
  onChange,
}: {
  readonly schedules: readonly Schedule[];
  readonly onChange: () => void;
}) {
  const word = scheduleWords();
  return (
    <DataTable
      label={shellWords().pages.schedules}
      rows={schedules}
      rowKey={({ name }) => name}
      columns={[
        { name: word.name, cell: ({ name, lastFault }) => <NameAndFault name={name} fault={lastFault} /> },
        {
          name: word.when,
          cell: ({ cron, timeZone }) => (
            <>
              <code>{cron}</code> <span class="third">{timeZone}</span>
            </>
          ),
          wide: true,
        },
        { name: word.next, cell: ({ nextRunTimes: [next] }) => next && <Time at={next} /> },
        {
          name: word.last,
          cell: ({ lastTaskId }) =>
            lastTaskId !== "" && <Id value={lastTaskId} href={`/tasks/${encodeURIComponent(lastTaskId)}`} />,
          wide: true,
        },
        {
          name: word.state,
          cell: ({ paused }) => <State tone={paused ? "held" : "within"}>{paused ? word.paused : word.active}</State>,
        },
        { name: "", cell: (schedule) => <ScheduleActs schedule={schedule} onChange={onChange} /> },
      ]}
    />
  );
}

function NameAndFault({ name, fault }: { readonly name: string; readonly fault: string }) {
  return (
    <>
      {name}
      {fault !== "" && <p class="small">{fault}</p>}
    </>
  );
}

function ScheduleActs({ schedule, onChange }: { readonly schedule: Schedule; readonly onChange: () => void }) {
  const word = scheduleWords();
  const { name, paused } = schedule;
  const remove = async () => {
    const sure = await confirm({ title: word.removeTitle(`\`${name}\``), effect: word.removeEffect, act: word.remove });
    if (!sure) return;
    const done = await act(async () => {
      await call("DELETE /schedules/{name}", { path: { name } });
      return word.removed(name);
    });
    if (done) onChange();
  };
  return (
    <span class="acts">
      <ActButton scope="tasks:submit" look="plain" onAct={() => void setPaused(schedule, !paused, onChange)}>
        {paused ? word.resume : word.pause}
      </ActButton>
      <ActButton scope="tasks:cancel" look="plain" onAct={() => void remove()}>
        {word.remove}
      </ActButton>
    </span>
  );
}

/** It can be taken back, so it is done at once. */
async function setPaused(schedule: Schedule, paused: boolean, onChange: () => void): Promise<void> {
  const word = scheduleWords();
  const { name, cron, timeZone, spec, missedRuns } = schedule;
  const done = await act(
    async () => {
      const body = { schedule: { cron, timeZone, spec, missedRuns, paused } };
      await call("PUT /schedules/{name}", { path: { name }, body });
      return paused ? word.pausedNow(name) : word.resumed(name);
    },
    () => void setPaused(schedule, !paused, onChange),
  );
  if (done) onChange();
}

function ScheduleForm({ onClose, onSaved }: { readonly onClose: () => void; readonly onSaved: () => void }) {
  const word = scheduleWords();
  const save = async (text: (name: string) => string) => {
    const name = text("name");
    const schedule = { cron: text("cron"), timeZone: text("zone"), spec: { prompt: text("prompt") } };
    const { schedule: made } = await call("PUT /schedules/{name}", { path: { name }, body: { schedule } });
    onSaved();
    const [next] = made?.nextRunTimes ?? [];
    return word.saved(name, next === undefined ? "–" : time(next));
  };
  return (
    <FormDialog title={word.add} submit={word.save} save={save} onClose={onClose}>
      <Field label={word.nameField} name="name" required />
      <Field label={word.cron} name="cron" placeholder="0 3 * * *" required />
      <Field label={word.zone} name="zone" defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone} required />
      <label>
        <span>{word.prompt}</span>
        <textarea name="prompt" rows={4} required />
      </label>
    </FormDialog>
  );
}
