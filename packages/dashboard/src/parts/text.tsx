import type { ComponentChildren } from "preact";
import { fullTime, time } from "../format.js";
import { codeSpans } from "./code.js";

/** What a colour means: it runs, waits, is held back, failed, is within its target, or nothing of these. */
export type Tone = "runs" | "waits" | "held" | "failed" | "within" | "none";

/** Words in which `` `code` `` is shown in monospace. */
export function Words({ text }: { readonly text: string }) {
  return <>{codeSpans(text).map(({ text, code }, index) => (code ? <code key={index}>{text}</code> : text))}</>;
}

/** A square of the colour of a state, with the word of the state beside it. */
export function State({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`state tone-${tone}`}>
      <i class="square" aria-hidden="true" />
      {children}
    </span>
  );
}

const TASK_TONES: Readonly<Record<string, Tone>> = {
  SCHEDULED: "waits",
  QUEUED: "waits",
  PARKED: "held",
  LEASED: "runs",
  RUNNING: "runs",
  CANCELLING: "held",
  SUCCEEDED: "within",
  FAILED: "failed",
  CANCELLED: "none",
  EXPIRED: "failed",
};

/** The tone of a task's state. */
export const taskTone = (state: string): Tone => TASK_TONES[state] ?? "none";

/** A time in local form. The full one is shown on hover, and is in what is copied. */
export function Time({ at }: { readonly at: string }) {
  const full = fullTime(at);
  return (
    <time class="time" dateTime={at} title={full}>
      {time(at)}
      <span class="only-copied" aria-hidden="true">{` (${full})`}</span>
    </time>
  );
}

/** An id, shown short and copied whole. */
export function Id({ value, href }: { readonly value: string; readonly href?: string }) {
  const long = value.length > 12;
  const shown = long ? (
    <>
      {value.slice(0, 5)}
      <span class="id-middle">{value.slice(5, -4)}</span>
      {value.slice(-4)}
    </>
  ) : (
    value
  );
  return href === undefined ? (
    <span class="id" title={value}>
      {shown}
    </span>
  ) : (
    <a class="id" href={href} title={value}>
      {shown}
    </a>
  );
}
