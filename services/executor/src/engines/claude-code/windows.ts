import { at, countAt, entriesAt, type Json, numberAt, textAt, type WindowSignal } from "@ccsp/engine-kit";

const HOUR_MS = 3_600_000;
const STATES: Readonly<Record<string, WindowSignal["state"]>> = {
  allowed: "open",
  allowed_warning: "warning",
  rejected: "closed",
};

/**
 * What a `rate_limit_event` says of each usage window, added to what the run said before. The event names one window
 * (`rateLimitType`) with its state. From 2.1.332 on, it also has all windows with the share that is used
 * (`unifiedWindows`); earlier versions tell the share of the named one only when they warn.
 */
export function windowsOf(line: Json, before: readonly WindowSignal[]): readonly WindowSignal[] {
  const found = new Map(before.map((window) => [window.name, window]));
  const add = (name: string, said: Json | undefined): void => {
    const state = STATES[textAt(said, "status") ?? "allowed"] ?? "open";
    const seconds = countAt(said, "resetsAt");
    const last = found.get(name);
    found.set(name, {
      name,
      state,
      resetMs: seconds === undefined ? last?.resetMs : seconds * 1000,
      share: numberAt(said, "utilization") ?? last?.share,
      lengthMs: lengthOf(name),
    });
  };
  for (const [name, said] of entriesAt(line, "rate_limit_info", "unifiedWindows")) add(name, said);
  const named = textAt(line, "rate_limit_info", "rateLimitType");
  // The overage is money that is spent beyond the windows, and no window itself.
  if (named !== undefined && named !== "overage") add(named, at(line, "rate_limit_info"));
  return [...found.values()];
}

function lengthOf(name: string): number | undefined {
  if (name.startsWith("five_hour")) return 5 * HOUR_MS;
  return name.startsWith("seven_day") ? 7 * 24 * HOUR_MS : undefined;
}
