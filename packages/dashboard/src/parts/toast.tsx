import { signal } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { outcome } from "../api.js";
import { failureWords } from "../i18n/failures.js";
import { shellWords } from "../i18n/shell.js";
import { whatHappened } from "./failure.js";

interface Note {
  readonly id: number;
  readonly text: string;
  readonly undo?: (() => void) | undefined;
}

const SHOWN_MS = 8000;
const notes = signal<readonly Note[]>([]);
let lastId = 0;

/** Says what was done ("6 ended, 0 left, 2.2 s"), also to those who hear the page. `undo` offers the way back. */
export function toast(text: string, undo?: () => void): void {
  lastId += 1;
  const note = { id: lastId, text, undo };
  notes.value = [...notes.value.slice(-2), note];
  setTimeout(() => remove(note.id), SHOWN_MS);
}

/** Does an act, and says in a toast what came of it, or why it did not work. */
export async function act(doing: () => Promise<string>, undo?: () => void): Promise<boolean> {
  const { answer, error } = await outcome(doing());
  if (!error) {
    toast(answer, undo);
    return true;
  }
  const word = failureWords();
  toast(`${whatHappened(error)} ${error.problem.status === 0 ? word.mayHaveChanged : word.nothingChanged}`);
  return false;
}

function remove(id: number): void {
  notes.value = notes.value.filter((note) => note.id !== id);
}

/** Where toasts are shown and announced. The shell has it once. */
export function Toasts() {
  const word = shellWords();
  const element = useRef<HTMLDivElement>(null);
  // A popover that opens is above what is in front of the page then, such as a dialog.
  useLayoutEffect(() => {
    element.current?.hidePopover();
    if (notes.value.length > 0) element.current?.showPopover();
  }, [notes.value]);
  return (
    <div ref={element} class="toasts" popover="manual" role="status" aria-live="polite">
      {notes.value.map(({ id, text, undo }) => (
        <div class="toast" key={id}>
          <span>{text}</span>
          {undo && (
            <button
              type="button"
              onClick={() => {
                remove(id);
                undo();
              }}
            >
              {word.undo}
            </button>
          )}
          <button type="button" aria-label={word.close} onClick={() => remove(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
