import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { shellWords } from "../i18n/shell.js";
import { Words } from "./text.js";

/** A dialog in front of the page. The browser keeps the focus inside, and gives it back after; Escape closes. */
export function Dialog({
  title,
  onClose,
  children,
  wide = false,
}: {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
  readonly wide?: boolean;
}) {
  const element = useRef<HTMLDialogElement>(null);
  // Before the next paint: what somebody types at once is for the dialog.
  useLayoutEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} class={wide ? "wide" : ""} aria-label={title} onClose={onClose}>
      <h2>
        <Words text={title} />
      </h2>
      {children}
      {/* The last in the order of the keyboard, so that the focus begins in the content. */}
      <button type="button" class="close" aria-label={shellWords().close} onClick={() => element.current?.close()}>
        ×
      </button>
    </dialog>
  );
}

interface Question {
  /** What will be done, such as `Cancel 6 tasks?` */
  readonly title: string;
  /** What follows: `It ends 6 runs; 2 of them cost $ 1.20 so far.` */
  readonly effect: string;
  /** The word on the button that does it. */
  readonly act: string;
  /** What cannot be undone is typed: this word. */
  readonly typed?: string;
}

const question = signal<(Question & { readonly answer: (yes: boolean) => void }) | undefined>(undefined);

/** Asks before an act that cannot be undone. What can be is done at once, with a `toast` that offers the way back. */
export function confirm(asked: Question): Promise<boolean> {
  return new Promise((resolve) => {
    question.value?.answer(false);
    question.value = {
      ...asked,
      answer(yes) {
        question.value = undefined;
        resolve(yes);
      },
    };
  });
}

/** Where `confirm` shows its question. The shell has it once. */
export function ConfirmDialog() {
  const asked = question.value;
  return asked ? <Confirm key={asked.title} {...asked} /> : null;
}

function Confirm({ title, effect, act, typed, answer }: Question & { readonly answer: (yes: boolean) => void }) {
  const [text, setText] = useState("");
  const word = shellWords();
  const ready = typed === undefined || text === typed;
  return (
    <Dialog title={title} onClose={() => answer(false)}>
      <form
        method="dialog"
        onSubmit={(event) => {
          event.preventDefault();
          if (ready) answer(true);
        }}
      >
        <p>
          <Words text={effect} />
        </p>
        {typed !== undefined && (
          <label>
            <span>
              <Words text={word.typeToConfirm(`\`${typed}\``)} />
            </span>
            <input value={text} autocomplete="off" onInput={({ currentTarget }) => setText(currentTarget.value)} />
          </label>
        )}
        <div class="acts">
          <button type="button" onClick={() => answer(false)}>
            {word.cancel}
          </button>
          <button type="submit" class="danger" disabled={!ready}>
            {act}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
