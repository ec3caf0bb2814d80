import {
  type Engine,
  type ErrorSource,
  type Handled,
  isErrorCategory,
  type RequestChange,
  type RunFailure,
  type RunRequest,
  runFailure,
  type Severity,
} from "@ccsp/engine-kit";

const MOST_REASON_CHARS = 300;

/** Applies a hook's change to the request. Throws if the change is not valid or if the engine cannot honour it. */
export function changed(request: RunRequest, change: RequestChange | undefined, engine: Engine): RunRequest {
  const { prompt = request.prompt, systemPrompt = request.systemPrompt, model = request.model } = change ?? {};
  const parts = [prompt, systemPrompt, model, change?.refuse ?? ""];
  if (parts.some((part) => typeof part !== "string")) throw new Error("changed a part to a value that is not text");
  if (prompt === "") throw new Error("left the prompt empty");
  const { takes } = engine.capabilities;
  for (const [part, differs] of [
    ["system_prompt", systemPrompt !== request.systemPrompt],
    ["model", model !== request.model],
  ] as const) {
    if (differs && !takes.includes(part)) throw new Error(`changed ${part}, which engine ${engine.name} does not take`);
  }
  return { ...request, prompt, systemPrompt, model };
}

/** Why a hook refuses the request. Undefined: it does not refuse it. */
export function refusalOf(hook: string, change: RequestChange | undefined): RunFailure | undefined {
  const reason = change?.refuse;
  if (reason === undefined) return undefined;
  return runFailure("INVALID_REQUEST", `hook ${hook} refused it: ${reason.slice(0, MOST_REASON_CHARS)}`);
}

/** Checks a handler's answer. Throws if it is neither a text nor a failure, or if a number in it is not valid. */
export function checkHandled(done: Handled): Handled {
  if ("failure" in done) {
    const { category, message, retryable, source, severity, retryAfterMs = 0 } = done.failure;
    const traits = typeof retryable === "boolean" && SOURCES.has(source) && SEVERITIES.has(severity);
    if (isErrorCategory(category) && typeof message === "string" && traits && isTime(retryAfterMs)) return done;
    throw new Error("returned a failure that runFailure did not make");
  }
  const { text, usage, costUsd = 0, model = "" } = done;
  if (typeof text !== "string" || typeof model !== "string") throw new Error("returned neither text nor failure");
  const counts = Object.values<unknown>({ ...usage });
  if (!counts.every(isCount) || (usage !== undefined && counts.length !== 4))
    throw new Error("returned a usage that is not valid");
  if (!Number.isFinite(costUsd) || costUsd < 0) throw new Error("returned a cost that is not valid");
  return done;
}

const SOURCES: ReadonlySet<unknown> = new Set<ErrorSource>(["AGENT", "ENGINE", "PROVIDER", "CCSP"]);
const SEVERITIES: ReadonlySet<unknown> = new Set<Severity>(["notice", "warning", "critical"]);

const isTime = (ms: unknown): boolean => Number.isFinite(ms) && Number(ms) >= 0;
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && Number(value) >= 0;
