import type { LogEntry } from "./log.js";

type TaskError = NonNullable<NonNullable<LogEntry["taskEnded"]>["error"]>;
type UsageSoFar = NonNullable<LogEntry["usageSoFar"]>;

/** A stretch of time. Milliseconds since the epoch; no `to`: it goes on. */
interface Span {
  readonly from: number;
  to?: number;
}

export interface Attempt extends Span {
  readonly kind: "attempt";
  number: number;
  /** A state of a task. LEASED, RUNNING or CANCELLING while it goes on. */
  state: string;
  /** When the engine started. */
  runs?: number;
  firstText?: number;
  /** Why it ended without a result. */
  error?: TaskError;
  reason?: string;
  usage?: UsageSoFar;
  readonly tools: (Span & { readonly name: string })[];
  readonly texts: Span[];
}

export interface Wait extends Span {
  readonly kind: "wait";
  /** QUEUED, PARKED or SCHEDULED. */
  readonly state: string;
  readonly reason: string;
  readonly error?: TaskError | undefined;
  /** When it is tried again. */
  readonly readyTime?: string | undefined;
}

/** What happened to a task, in the order of time. */
export type Story = readonly (Attempt | Wait)[];

/** Deltas that come within this time are one piece of writing. */
const TEXT_GAP_MS = 1500;

/** Reads the log as phases: waits and attempts. `createTime` is when the first wait began. */
export function storyOf(createTime: string | undefined, entries: readonly LogEntry[]): Story {
  const phases: (Attempt | Wait)[] = [];
  const first = Date.parse(createTime ?? entries[0]?.time ?? "");
  if (Number.isNaN(first)) return phases;
  for (const entry of entries) {
    const at = Math.max(Date.parse(entry.time ?? ""), first);
    if (phases.length === 0 && !waitsIn(entry)) phases.push(waitFrom(first, entry, "QUEUED"));
    if (entry.stateChanged) changeState(phases, entry, phases.length === 0 ? first : at);
    else if (entry.taskEnded) endLast(phases, at, entry.taskEnded);
    else addToAttempt(phases.at(-1), entry, at);
  }
  if (phases.length === 0) phases.push({ kind: "wait", state: "QUEUED", reason: "", from: first });
  return phases;
}

export const attemptsOf = (story: Story): Attempt[] => story.filter((phase) => phase.kind === "attempt");

const WAITS: readonly string[] = ["QUEUED", "PARKED", "SCHEDULED"];
const waitsIn = ({ stateChanged }: LogEntry): boolean =>
  stateChanged !== undefined && WAITS.includes(stateChanged.state);

const waitFrom = (from: number, { stateChanged }: LogEntry, state = stateChanged?.state ?? "QUEUED"): Wait => ({
  kind: "wait",
  from,
  state,
  reason: stateChanged?.reason ?? "",
  error: stateChanged?.error,
  readyTime: stateChanged?.readyTime,
});

function changeState(phases: (Attempt | Wait)[], entry: LogEntry, at: number): void {
  const last = phases.at(-1);
  const { state = "", reason = "", error } = entry.stateChanged ?? {};
  if (!WAITS.includes(state)) {
    if (last?.kind === "attempt" && last.to === undefined) last.state = state;
    else {
      if (last) last.to ??= at;
      phases.push({ kind: "attempt", from: at, number: entry.attempt, state, tools: [], texts: [] });
    }
    const attempt = phases.at(-1);
    if (state === "RUNNING" && attempt?.kind === "attempt") {
      attempt.runs = at;
      attempt.number = entry.attempt;
    }
    return;
  }
  if (last?.kind === "attempt" && last.to === undefined) {
    closeSpans(last, at);
    Object.assign(last, { to: at, state: error ? "FAILED" : "CANCELLED", reason, ...(error && { error }) });
  } else if (last) last.to ??= at;
  phases.push(waitFrom(at, entry));
}

function endLast(phases: (Attempt | Wait)[], at: number, { state, error }: NonNullable<LogEntry["taskEnded"]>): void {
  const last = phases.at(-1);
  if (!last || last.to !== undefined) return;
  last.to = at;
  if (last.kind !== "attempt") return;
  closeSpans(last, at);
  last.state = state;
  if (error) last.error = error;
}

function addToAttempt(phase: Attempt | Wait | undefined, entry: LogEntry, at: number): void {
  if (phase?.kind !== "attempt") return;
  const lastTool = phase.tools.at(-1);
  const lastText = phase.texts.at(-1);
  if (entry.usageSoFar) phase.usage = entry.usageSoFar;
  if (entry.toolUse) {
    if (lastTool) lastTool.to ??= at;
    phase.tools.push({ name: entry.toolUse.name, from: at });
  }
  if (entry.textDelta) {
    if (lastTool) lastTool.to ??= at;
    phase.firstText ??= at;
    if (lastText?.to !== undefined && at - lastText.to <= TEXT_GAP_MS) lastText.to = at;
    else phase.texts.push({ from: at, to: at });
  }
}

function closeSpans({ tools }: Attempt, at: number): void {
  const last = tools.at(-1);
  if (last) last.to ??= at;
}

/** The messages of the newest attempt that were not taken back. The last one is the answer so far. */
export function messagesOf(entries: readonly LogEntry[]): readonly string[] {
  const newest = entries.reduce((most, { attempt }) => Math.max(most, attempt), 0);
  const messages = new Map<number, string>();
  for (const { attempt, textDelta, textTakenBack } of entries) {
    if (attempt !== newest) continue;
    if (textDelta) messages.set(textDelta.message, (messages.get(textDelta.message) ?? "") + textDelta.text);
    if (textTakenBack) messages.delete(textTakenBack.message);
  }
  return [...messages.values()];
}
