import { taskWords } from "../i18n/task.js";
import { Id } from "../parts/text.js";
import type { Task } from "../routes.js";
import { session } from "../session.js";

/** The trace of the task in the tracing system of the installation, or its id. */
export function TraceLink({ task: { traceId } }: { readonly task: Task }) {
  const word = taskWords();
  if (traceId === "") return null;
  const pattern = session.value?.traceUrl;
  if (pattern) return <a href={pattern.replaceAll("{traceId}", traceId)}>{word.trace}</a>;
  return (
    <span class="third">
      {word.traceId} <Id value={traceId} />
    </span>
  );
}
