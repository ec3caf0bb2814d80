import { call } from "../api.js";
import { keyWords } from "../i18n/keys.js";
import { Field, Select } from "../parts/fields.js";
import { FormDialog } from "../parts/form-dialog.js";

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
  const make = async (text: (name: string) => string) => {
    const name = text("name");
    const lifetime = `${Math.round(Number(text("days")) * DAY_S)}s`;
    const body = { subject: text("subject"), name, role: text("role"), lifetime };
    const { bearer } = await call("POST /keys", { body });
    onSecret(bearer);
    return word.made(name);
  };
  return (
    <FormDialog title={word.create} submit={word.make} save={make} onClose={onClose}>
      <Field label={word.subjectField} name="subject" required />
      <Field label={word.nameField} name="name" required />
      <Select label={word.role} name="role" options={ROLES.map((role) => ({ value: role, name: role }))} />
      <Field label={word.days} name="days" type="number" min={1} max={MOST_DAYS} defaultValue="90" required />
    </FormDialog>
  );
}
