import type { Settings } from "@ccsp/config";
import type { SlotRules } from "./slot-controller.js";

export interface SlotsConfig {
  readonly rules: SlotRules;
  /** Decides and tells, and changes nothing. */
  readonly dryRun: boolean;
}

const MIB = 1024 ** 2;

/** Undefined: the number of slots stays as it is set. */
export function defineSlots(settings: Settings): SlotsConfig | undefined {
  const range = pair(settings, "CCSP_EXECUTOR_SLOT_RANGE", {
    doc: "least and most runs of each engine at the same time, between which the executor adapts CCSP_EXECUTOR_SLOTS to the load of its host and the work that waits; unset: it does not",
    form: "two numbers with - between them, such as 1-8",
    most: 500,
  });
  const cpu = pair(settings, "CCSP_EXECUTOR_ADAPT_CPU", {
    doc: "percent of the CPU: below the first number there is room for larger steps up, above the second there are fewer slots",
    default: "30-80",
    form: "two percentages with - between them",
    most: 100,
  });
  const memory = pair(settings, "CCSP_EXECUTOR_ADAPT_MEMORY", {
    doc: "MiB of the executor's own process: from the first number on there are no more slots, above the second there are fewer",
    default: "400-500",
    form: "two numbers with - between them",
    most: 1_000_000,
  });
  const waiting = settings.integer(
    "CCSP_EXECUTOR_ADAPT_WAITING",
    "tasks that wait for an engine, from which on it gets more slots",
    { default: 100, min: 1 },
  );
  const delayMs = settings.durationMs(
    "CCSP_EXECUTOR_ADAPT_DELAY",
    "wait of the oldest task of an engine, from which on it gets more slots",
    { default: "5s", min: 0 },
  );
  const responseMs = settings.durationMs(
    "CCSP_EXECUTOR_ADAPT_RESPONSE",
    "how much later than usual the first text of runs may come; if it also takes twice as long, there are fewer slots",
    { default: "150ms", min: 0 },
  );
  const mode = settings.oneOf(
    "CCSP_EXECUTOR_ADAPTATION",
    "with CCSP_EXECUTOR_SLOT_RANGE: `on`; or `dry-run`: the executor only reports what it would do",
    ["on", "dry-run"],
    { default: "on" },
  );
  if (range === undefined || cpu === undefined || memory === undefined) return undefined;
  return {
    rules: {
      min: range.first,
      max: range.second,
      cpu: { idle: cpu.first / 100, busy: cpu.second / 100 },
      serviceBytes: { good: memory.first * MIB, most: memory.second * MIB },
      waiting,
      delayMs,
      responseMs,
    },
    dryRun: mode === "dry-run",
  };
}

function pair(
  settings: Settings,
  name: string,
  { doc, form, most, default: preset }: { doc: string; form: string; most: number; default?: string },
): { readonly first: number; readonly second: number } | undefined {
  const options = { pattern: /^[0-9]{1,7}-[0-9]{1,7}$/, form };
  const text =
    preset === undefined
      ? settings.optionalText(name, doc, options)
      : settings.text(name, doc, { ...options, default: preset });
  if (text === undefined) return undefined;
  const [first = 0, second = 0] = text.split("-").map(Number);
  if (first < 1 || first > second || second > most) {
    settings.fault(`${name}: the numbers must be 1 to ${most}, the smaller one first`);
  }
  return { first, second };
}
