import { useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { taskWords } from "../i18n/task.js";
import { Failure } from "../parts/failure.js";
import { Words } from "../parts/text.js";
import { Timeline } from "../parts/timeline.js";
import type { Task } from "../routes.js";
import { hasEnded } from "../work/task-state.js";
import { spanRows } from "./span-rows.js";

/** What took how long in which service, from the spans of the task's trace. They are read when the list is opened. */
export function SpanList({ task }: { readonly task: Task }) {
  const [open, setOpen] = useState(false);
  if (task.traceId === "") return null;
  return (
    <details class="steps" onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{taskWords().spans}</summary>
      {open && <Spans task={task} />}
    </details>
  );
}

const READ_AGAIN = { everyMs: 5_000 };
/** The last spans arrive after the end of the task. */
const LATE_MS = 20_000;

function Spans({ task: { id: taskId, state, endTime } }: { readonly task: Task }) {
  const word = taskWords();
  const mayGrow = !hasEnded(state) || Date.now() < Date.parse(endTime ?? "") + LATE_MS;
  const { data, error, reload } = useAnswer(
    "GET /tasks/{taskId}/trace",
    { path: { taskId } },
    mayGrow ? READ_AGAIN : {},
  );
  if (error) return <Failure error={error} onRetry={reload} />;
  if (!data) return null;
  if (data.spans.length === 0)
    return (
      <p class="third small">
        <Words text={data.readable ? word.noSpans : word.noTraces} />
      </p>
    );
  return (
    <>
      <Timeline label={word.spans} rows={spanRows(data.spans, word.spanFailed)} wideLabels />
      {data.leftOut > 0 && <p class="third small">{word.spansLeftOut(data.leftOut)}</p>}
    </>
  );
}
