import type { ComponentProps } from "preact";

/** An input with its label. */
export function Field({ label, ...input }: ComponentProps<"input"> & { readonly label: string }) {
  return (
    <label class="field">
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
  readonly value?: string;
  readonly options: readonly { readonly value: string; readonly name: string }[];
  readonly onChange?: (value: string) => void;
}) {
  return (
    <label class="field">
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
