import { shellWords } from "../i18n/shell.js";
import { wordOf } from "../i18n/states.js";
import { taskWords } from "../i18n/task.js";
import { codeBlocks } from "../parts/code.js";
import { Panel } from "../parts/layout.js";
import { Words } from "../parts/text.js";
import type { Task } from "../routes.js";
import { hasEnded, mayReadContent } from "../work/task-state.js";

/** What the engine was asked and what it writes, for those who may read it. `messages` are those of the newest attempt. */
export function AnswerPanel({ task, messages }: { readonly task: Task; readonly messages: readonly string[] }) {
  const word = taskWords();
  const ended = hasEnded(task.state);
  const title = ended ? word.answer : word.answerComing;
  if (!mayReadContent()) {
    return (
      <Panel title={title}>
        <p class="second">
          <Words text={shellWords().hidden("prompts:read")} />
        </p>
      </Panel>
    );
  }
  const text = task.result?.text ?? messages.at(-1) ?? "";
  const earlier = messages.slice(0, -1).filter((each) => each.trim() !== "");
  return (
    <Panel title={title}>
      <Prompt text={task.spec?.prompt ?? ""} />
      {earlier.length > 0 && (
        <details class="earlier">
          <summary>{word.onTheWay(earlier.length)}</summary>
          {earlier.map((each, index) => (
            <div key={index} class="second">
              <AnswerText text={each} />
            </div>
          ))}
        </details>
      )}
      {ended && task.error && (
        <p class="answer-error">
          <strong>{word.failed(sideOf(task.error.source))}.</strong> {task.error.message}
        </p>
      )}
      {text === "" ? (
        <p class="third">{ended ? (task.error ? "" : word.noAnswer) : word.noAnswerYet}</p>
      ) : (
        <AnswerText text={text} writes={!ended} />
      )}
    </Panel>
  );
}

/** The side that caused a failure, or "" when it is not known. */
export const sideOf = (source = "UNSPECIFIED"): string =>
  source === "UNSPECIFIED" ? "" : wordOf(taskWords().sides, source);

function Prompt({ text }: { readonly text: string }) {
  if (text === "") return null;
  return (
    <details class="prompt">
      <summary>{taskWords().prompt}</summary>
      <pre tabIndex={0} dir="auto">
        {text}
      </pre>
    </details>
  );
}

/** Text with blocks and words of code. The mark at its end says that more comes. */
function AnswerText({ text, writes = false }: { readonly text: string; readonly writes?: boolean }) {
  return (
    <div class="answer" dir="auto" aria-busy={writes}>
      {codeBlocks(text).map((block, index) =>
        block.code ? (
          <pre key={index} tabIndex={0}>
            {block.text}
          </pre>
        ) : (
          <span key={index}>
            <Words text={block.text} />
          </span>
        ),
      )}
      {writes && <i class="caret" aria-hidden="true" />}
    </div>
  );
}
