import { hrefWith } from "../router.js";

/** A small choice that the address holds, such as what a chart shows. "" is the default, which the address leaves out. */
export function Choice({
  label,
  choices,
  chosen,
  parameter,
}: {
  readonly label: string;
  readonly choices: readonly { readonly name: string; readonly word: string }[];
  readonly chosen: string;
  readonly parameter: string;
}) {
  return (
    <nav class="small-tabs" aria-label={label}>
      {choices.map(({ name, word }) => (
        <a
          key={name}
          href={hrefWith({ [parameter]: name })}
          {...(name === chosen && { "aria-current": "true" as const })}
        >
          {word}
        </a>
      ))}
    </nav>
  );
}
