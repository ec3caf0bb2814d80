import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { ApiError } from "../api.js";
import { shellWords } from "../i18n/shell.js";
import { Dialog } from "./dialog.js";
import { Failure } from "./failure.js";
import { textsOf } from "./fields.js";
import { act } from "./toast.js";

/**
 * A dialog with a form. `save` gets the texts of the fields by their names, and answers what it did. What fails is said
 * in the dialog, which stays; what worked closes it, and `undo` offers the way back.
 */
export function FormDialog({
  title,
  submit,
  save,
  undo,
  onClose,
  children,
}: {
  readonly title: string;
  /** The word on the button. */
  readonly submit: string;
  readonly save: (text: (name: string) => string) => Promise<string>;
  readonly undo?: () => void;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}) {
  const [fault, setFault] = useState<ApiError | undefined>(undefined);
  const [busy, setBusy] = useState(false);
  const send = async (form: HTMLFormElement) => {
    setBusy(true);
    setFault(undefined);
    const done = await act(
      () =>
        save(textsOf(form)).catch((error: unknown) => {
          if (error instanceof ApiError) setFault(error);
          throw error;
        }),
      undo,
    );
    setBusy(false);
    if (done) onClose();
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void send(event.currentTarget);
        }}
      >
        {children}
        {fault && <Failure error={fault} />}
        <div class="acts">
          <button type="button" onClick={onClose}>
            {shellWords().cancel}
          </button>
          <button type="submit" class="primary" disabled={busy}>
            {submit}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
