import { call } from "../api.js";
import { keyWords } from "../i18n/keys.js";
import { Dialog } from "../parts/dialog.js";
import { Field, Select, textsOf } from "../parts/fields.js";
import { act } from "../parts/toast.js";

const ROLES = ["agent", "viewer", "operator", "admin"] as const;
const DAY_S = 86_400;
const MOST_DAYS = 366;

/** Makes a key, and gives its secret to `onSecret`. */
export function KeyForm({
  onClose,
  onSecret,
}: {
  readonly onClose: () => void;
  readonly onSecret: (bearer: string) => void;
}) {
  const word = keyWords();
  const make = async (form: HTMLFormElement) => {
    const text = textsOf(form);
    const name = text("name");
    const lifetime = `${Math.round(Number(text("days")) * DAY_S)}s`;
    await act(async () => {
      const body = { subject: text("subject"), name, role: text("role"), lifetime };
      const { bearer } = await call("POST /keys", { body });
      onSecret(bearer);
      return word.made(name);
    });
  };
  return (
    <Dialog title={word.create} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void make(event.currentTarget);
        }}
      >
        <Field label={word.subjectField} name="subject" required />
        <Field label={word.nameField} name="name" required />
        <Select label={word.role} name="role" options={ROLES.map((role) => ({ value: role, name: role }))} />
        <Field label={word.days} name="days" type="number" min={1} max={MOST_DAYS} defaultValue="90" required />
        <div class="acts">
          <button type="submit" class="primary">
            {word.make}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
