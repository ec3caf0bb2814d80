import { useEffect, useRef, useState } from "preact/hooks";
import { useAnswer } from "../answer.js";
import { bytes, duration, milliseconds } from "../format.js";
import { executorWords } from "../i18n/executors.js";
import { shellWords } from "../i18n/shell.js";
import { ActButton } from "../parts/act-button.js";
import { Panel } from "../parts/layout.js";
import { DataTable } from "../parts/table.js";
import { Id, Time, Words } from "../parts/text.js";
import { hrefWith, navigate, parameter } from "../router.js";
import type { Executor } from "../routes.js";
import { may } from "../session.js";
import { follow } from "../store.js";

type Run = NonNullable<Executor["status"]>["runs"][number];

/** The runs of an executor. The address holds whose output is watched. */
export function Runs({ runs }: { readonly runs: readonly Run[] }) {
  const word = executorWords();
  const watched = parameter("output");
  if (runs.length === 0) return <p class="third">{word.noRuns}</p>;
  return (
    <DataTable
      label={word.currentRuns}
      rows={runs}
      rowKey={({ taskId }) => taskId}
      columns={[
        {
          name: word.task,
          cell: ({ taskId }) => <Id value={taskId} href={`/tasks/${encodeURIComponent(taskId)}`} />,
        },
        { name: word.engine, cell: ({ engine }) => engine, wide: true },
        { name: word.since, cell: ({ startTime }) => startTime && <Time at={startTime} /> },
        { name: word.process, cell: ({ pid }) => (pid === 0 ? "–" : pid), number: true, wide: true },
        { name: word.output, cell: ({ taskId }) => <WatchButton taskId={taskId} watched={watched === taskId} /> },
      ]}
    />
  );
}

function WatchButton({ taskId, watched }: { readonly taskId: string; readonly watched: boolean }) {
  const word = executorWords();
  return (
    <ActButton
      scope="prompts:read"
      look="plain"
      onAct={() => navigate(hrefWith({ output: watched ? undefined : taskId }), { replace: true })}
    >
      {watched ? word.hide : word.watch}
    </ActButton>
  );
}

const RESOURCES_EVERY_MS = 2_000;
/** The page keeps the end of longer output. */
const MOST_CHARACTERS = 50_000;

/** What the run of a task writes, as it comes. It stays when the run has ended. */
export function Output({ taskId }: { readonly taskId: string }) {
  const word = executorWords();
  return (
    <Panel title={word.outputOf(taskId)} aside={<a href={hrefWith({ output: undefined })}>{word.hide}</a>}>
      {may("prompts:read") ? <Tail taskId={taskId} /> : <Words text={shellWords().hidden("prompts:read")} />}
    </Panel>
  );
}

function Tail({ taskId }: { readonly taskId: string }) {
  const word = executorWords();
  const { text, ended } = useTail(taskId);
  const everyMs = ended ? {} : { everyMs: RESOURCES_EVERY_MS };
  const run = useAnswer("GET /tasks/{taskId}/run", { path: { taskId } }, everyMs);
  const end = useRef<HTMLPreElement>(null);
  useEffect(() => end.current?.scrollTo(0, end.current.scrollHeight), [text]);
  const { resources, processes = 0 } = run.data ?? {};
  return (
    <>
      {resources && (
        <p class="third small">
          {word.use(
            resources.cpuTime ? duration(milliseconds(resources.cpuTime)) : shellWords().unknown,
            resources.peakMemoryBytes ? bytes(resources.peakMemoryBytes) : shellWords().unknown,
            processes,
          )}
        </p>
      )}
      <pre ref={end} class="output" tabIndex={0}>
        {text}
      </pre>
      {ended && <p class="third small">{word.ended}</p>}
    </>
  );
}

interface Written {
  readonly text: string;
  readonly ended: boolean;
}

/** What the run writes, from the part that the executor still has. */
function useTail(taskId: string): Written {
  const [tail, setTail] = useState<Written>({ text: "", ended: false });
  useEffect(() => {
    setTail({ text: "", ended: false });
    return follow(() => ({ topic: "tail", filter: { taskId } }), {
      onEvent({ sequence, data }) {
        const { text = "", gap = false }: { readonly text?: string; readonly gap?: boolean } = Object(data);
        const added = gap ? `\n${executorWords().gap}\n${text}` : text;
        // After a lost connection, the tail begins again with what the executor has.
        const before = (old: Written) => (sequence === 1 ? "" : old.text);
        setTail((old) => ({ ended: false, text: (before(old) + added).slice(-MOST_CHARACTERS) }));
      },
      onEnd: () => setTail((old) => ({ ...old, ended: true })),
    });
  }, [taskId]);
  return tail;
}
