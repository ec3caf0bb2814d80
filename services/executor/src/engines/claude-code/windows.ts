import {
  type AnswerHead,
  at,
  countAt,
  entriesAt,
  type Json,
  numberAt,
  textAt,
  type WindowSignal,
} from "@ccsp/engine-kit";

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

const PREFIX = "anthropic-ratelimit-unified";
/** The names of windows in headers, and in the events of the CLI. */
const NAMES = { "5h": "five_hour", "7d": "seven_day", "7d_oi": "seven_day_overage_included" } as const;

/**
 * What the headers of an answer of the provider say of each usage window. The state that they have for a window is not
 * decisive: with overage, the provider takes requests although the window is used up. A window is closed only if the
 * provider refused the request because of it.
 */
export function windowsOfAnswer({ headers }: Pick<AnswerHead, "headers">): readonly WindowSignal[] {
  const said = (name: string) => String(headers[`${PREFIX}-${name}`] ?? "");
  const refusedFor = said("status") === "rejected" ? said("representative-claim") : "";
  const found = Object.entries(NAMES).flatMap(([short, name]): WindowSignal[] => {
    const status = said(`${short}-status`);
    if (status === "") return [];
    const known = STATES[status] ?? "open";
    const state = refusedFor === name ? "closed" : known === "closed" ? "warning" : known;
    return [signalOf(name, state, { reset: said(`${short}-reset`), share: said(`${short}-utilization`) })];
  });
  const named = said("representative-claim");
  // The overage is money that is spent beyond the windows, and no window itself.
  if (named === "" || named === "overage" || found.some(({ name }) => name === named)) return found;
  const state = STATES[said("status")] ?? "open";
  return [...found, signalOf(named, state, { reset: said("reset"), share: said("utilization") })];
}

const signalOf = (
  name: string,
  state: WindowSignal["state"],
  { reset, share }: { readonly reset: string; readonly share: string },
): WindowSignal => ({
  name,
  state,
  resetMs: /^\d{1,12}$/.test(reset) ? Number(reset) * 1000 : undefined,
  share: /^\d{1,3}(\.\d+)?$/.test(share) ? Number(share) : undefined,
  lengthMs: lengthOf(name),
});

function lengthOf(name: string): number | undefined {
  if (name.startsWith("five_hour")) return 5 * HOUR_MS;
  return name.startsWith("seven_day") ? 7 * 24 * HOUR_MS : undefined;
}
