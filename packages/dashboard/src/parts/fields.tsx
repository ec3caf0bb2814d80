import type { ComponentProps } from "preact";

/** An input with its label. */
export function Field({ label, ...input }: ComponentProps<"input"> & { readonly label: string }) {
  return (
    <label>
      <span>{label}</span>
      <input autocomplete="off" {...input} />
    </label>
  );
}

/** A choice with its label. */
export function Select({
  label,
  name,
  value,
  options,
  onChange,
}: {
  readonly label: string;
  readonly name: string;
  readonly value?: string | undefined;
  readonly options: readonly { readonly value: string; readonly name: string }[];
  readonly onChange?: (value: string) => void;
}) {
  return (
    <label>
      <span>{label}</span>
      <select name={name} defaultValue={value ?? ""} onChange={({ currentTarget }) => onChange?.(currentTarget.value)}>
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.name}
          </option>
        ))}
      </select>
    </label>
  );
}

/** The texts of a form by the names of its fields, without spaces around them. */
export function textsOf(form: HTMLFormElement): (name: string) => string {
  const given = new FormData(form);
  return (name) => {
    const value = given.get(name);
    return typeof value === "string" ? value.trim() : "";
  };
}
