import type { ComponentChildren } from "preact";
import { Words } from "./text.js";

/**
 * The top of a page: a sentence that says how things are, made from the data, then a second line that says what follows
 * from it and when. `acts` are buttons.
 */
export function PageHead({
  title,
  lead,
  acts,
}: {
  readonly title: string;
  readonly lead?: ComponentChildren;
  readonly acts?: ComponentChildren;
}) {
  return (
    <header class="page-head">
      <div>
        <h1 tabIndex={-1} dir="auto">
          <Words text={title} />
        </h1>
        {lead !== undefined && <p class="lead">{typeof lead === "string" ? <Words text={lead} /> : lead}</p>}
      </div>
      {acts !== undefined && <div class="acts">{acts}</div>}
    </header>
  );
}

export function Panel({
  title,
  aside,
  tone,
  children,
}: {
  readonly title?: string;
  /** Beside the title, at the right. */
  readonly aside?: ComponentChildren;
  /** Its line gets this colour. Say the reason in words too. */
  readonly tone?: "held" | "failed";
  readonly children: ComponentChildren;
}) {
  return (
    <section class={tone ? `panel tone-${tone}` : "panel"}>
      {title !== undefined && (
        <div class="panel-head">
          <h2>{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}

/** A line of a panel: what it is at the left, its value at the right. */
export function Line({
  children,
  value,
}: {
  readonly children: ComponentChildren;
  readonly value?: ComponentChildren;
}) {
  return (
    <div class="line">
      <div>{children}</div>
      {value !== undefined && <div class="line-value">{value}</div>}
    </div>
  );
}

/** Names and values, one a line. */
export function Facts({ facts }: { readonly facts: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Where there is nothing yet: says it, and teaches the command that changes it. */
export function Empty({ title, command }: { readonly title: string; readonly command?: string }) {
  return (
    <div class="empty">
      <p>
        <Words text={title} />
      </p>
      {command !== undefined && <pre>{command}</pre>}
    </div>
  );
}

/** A choice that the address holds, drawn as a row of links. */
export function Tabs({
  label,
  tabs,
}: {
  readonly label: string;
  readonly tabs: readonly { readonly name: string; readonly href: string; readonly current: boolean }[];
}) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map(({ name, href, current }) => (
        <a key={href} href={href} {...(current && { "aria-current": "page" as const })}>
          {name}
        </a>
      ))}
    </nav>
  );
}
