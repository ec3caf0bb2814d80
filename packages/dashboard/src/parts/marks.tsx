import type { Tone } from "./text.js";

const percent = (value: number): string => `${Math.min(Math.max(value, 0), 1) * 100}%`;

/**
 * How much of a limit is used (solid), is expected (pale), and where it is in the end at most. All are shares of the
 * limit. `used` undefined means unknown: the bar is hatched, and never looks like zero.
 */
export function BandBar({
  label,
  used,
  expected,
  mark,
  tone = "runs",
}: {
  /** The same in words, for those who do not see it. */
  readonly label: string;
  readonly used: number | undefined;
  readonly expected?: number | undefined;
  /** Where a line stands: for example when it runs out, as a share of the time of the window. */
  readonly mark?: number | undefined;
  readonly tone?: Tone;
}) {
  return (
    <div class={`band-bar tone-${tone} ${used === undefined ? "unknown" : ""}`} role="img" aria-label={label}>
      <div class="track">
        {expected !== undefined && <div class="expected" style={{ width: percent(expected) }} />}
        {used !== undefined && <div class="used" style={{ width: percent(used) }} />}
      </div>
      {mark !== undefined && <div class="mark" style={{ left: percent(mark) }} />}
    </div>
  );
}

/** A value against its target. Both are in the same unit; the scale ends at 1.4 times the target, or at the value. */
export function TickBar({
  label,
  value,
  target,
}: {
  readonly label: string;
  readonly value: number | undefined;
  readonly target: number;
}) {
  const scale = Math.max(target * 1.4, value ?? 0);
  const tone: Tone = value !== undefined && value > target ? "held" : "within";
  return (
    <div class={`tick-bar tone-${tone}`} role="img" aria-label={label}>
      {value !== undefined && <div class="value" style={{ width: percent(value / scale) }} />}
      <div class="mark" style={{ left: percent(target / scale) }} />
    </div>
  );
}

export interface Slot {
  /** `run`: a run. `warm`: a process that waits for one. `stopping`: a run that has to end. */
  readonly kind: "run" | "warm" | "stopping" | "empty";
  /** The run's page. */
  readonly href?: string;
  /** What it is, on hover and for those who do not see it. */
  readonly label: string;
}

/** One square for each slot of an executor. A square with a run is a link to it. */
export function Slots({ slots, label }: { readonly slots: readonly Slot[]; readonly label: string }) {
  return (
    <ul class="slots" aria-label={label}>
      {slots.map(({ kind, href, label: what }, index) => (
        <li key={href ?? index}>
          {href === undefined ? (
            <span class={`slot ${kind}`} title={what}>
              <span class="unseen">{what}</span>
            </span>
          ) : (
            <a class={`slot ${kind}`} href={href} title={what}>
              <span class="unseen">{what}</span>
            </a>
          )}
        </li>
      ))}
    </ul>
  );
}
