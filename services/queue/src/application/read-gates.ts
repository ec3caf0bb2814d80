import { isVisible, VISIBLE_RULE, visible } from "@ccsp/errors";
import type { PauseQueueRequest, ResumeQueueRequest } from "@ccsp/protos/ccsp/queue/v1/gate.js";
import { durationMs } from "@ccsp/protos/duration.js";
import { Faults } from "../domain/fields/faults.js";
import { isAgentId, isLabelKey, isLabelValue } from "../domain/fields/ids.js";
import { isRamped } from "../domain/gates/gate-keeper.js";
import type { Scope } from "../domain/gates/scope.js";
import { scopeOf } from "../messages/gate-message.js";

const MAX_WHO = 128;
const MAX_WHY_BYTES = 256;
/** The most of `CCSP_QUEUE_GATE_RAMP`. */
const MAX_RAMP_MS = 60 * 60 * 1000;
const MAX_PAUSE_MS = 366 * 24 * 60 * 60 * 1000;

/** Reads a PauseQueue request. Throws INVALID_FIELD. */
export function readPause(
  { scope: asked, who, why, until, openAfter }: PauseQueueRequest,
  engines: readonly string[],
  nowMs: number,
) {
  const faults = new Faults();
  const scope = checkScope(asked, engines, faults);
  faults.unless(scope?.kind !== "emergency", "scope", "is closed only by EmergencyStop");
  faults.unless(scope?.kind !== "model", "scope", "is closed only by budgets");
  // A resume does not check this, because a gate that was closed by a release with other rules must still open.
  if (asked?.scope?.$case === "label") checkLabel(asked.scope.value, faults);
  checkWords({ who, why }, faults);
  faults.unless(why !== "", "why", "is empty");
  const opensMs = openAfter ? nowMs + durationMs(openAfter) : until?.getTime();
  if (opensMs !== undefined) {
    const inMs = opensMs - nowMs;
    const field = openAfter ? "open_after" : "until";
    faults.unless(inMs > 0 && inMs <= MAX_PAUSE_MS, field, "must be in the future, at most a year ahead");
  }
  if (scope === undefined || faults.found) throw faults.refusal();
  return { scope, who, why: visible(why), ...(opensMs !== undefined && { opensMs }) };
}

/** Reads a ResumeQueue request. Throws INVALID_FIELD. */
export function readResume({ scope: asked, who, why, ramp }: ResumeQueueRequest, engines: readonly string[]) {
  const faults = new Faults();
  const scope = checkScope(asked, engines, faults);
  faults.unless(scope?.kind !== "model", "scope", "is opened only by budgets");
  checkWords({ who, why }, faults);
  faults.unless(scope?.kind !== "emergency" || why !== "", "why", "is required to end an emergency stop");
  const rampMs = ramp && durationMs(ramp);
  if (rampMs !== undefined) {
    faults.unless(rampMs >= 0 && rampMs <= MAX_RAMP_MS, "ramp", "must be 0 to 1 hour");
    faults.unless(scope === undefined || isRamped(scope), "ramp", "is not for this scope: its gate opens at once");
  }
  if (scope === undefined || faults.found) throw faults.refusal();
  return { scope, who, why: visible(why), rampMs };
}

export function checkWho(who: string, faults: Faults): void {
  const length = Array.from(who).length;
  faults.unless(length >= 1 && length <= MAX_WHO, "who", `must be 1 to ${MAX_WHO} characters`);
  faults.unless(isVisible(who), "who", VISIBLE_RULE);
}

/**
 * Checks `who`, which is a name, and `why`, which is free text. Invisible characters of `why` are stored in a visible
 * form.
 */
export function checkWords({ who, why }: { who: string; why: string }, faults: Faults): void {
  checkWho(who, faults);
  faults.unless(Buffer.byteLength(why) <= MAX_WHY_BYTES, "why", `is longer than ${MAX_WHY_BYTES} bytes`);
}

function checkScope(asked: PauseQueueRequest["scope"], engines: readonly string[], faults: Faults): Scope | undefined {
  const scope = asked && scopeOf(asked);
  if (scope === undefined) {
    faults.add(
      "scope",
      "must name exactly one: all, a class, an engine, an agent, a label as key=value, or an account",
    );
    return undefined;
  }
  if (scope.kind === "engine" || scope.kind === "account") {
    faults.unless(engines.includes(scope.engine), "scope", `must be one of ${engines.join(", ")}`);
  }
  if (scope.kind === "agent") faults.unless(isAgentId(scope.agent), "scope.agent_id", "is not an agent id");
  if (scope.kind === "account") faults.unless(isAccount(scope.account), "scope.account", ACCOUNT_RULE);
  return scope;
}

function checkLabel(label: string, faults: Faults): void {
  const [key = "", ...value] = label.split("=");
  faults.unless(isLabelKey(key) && isLabelValue(value.join("=")), "scope.label", "is not a label that a task can have");
}

export const ACCOUNT_RULE = "must be at most 128 of A-Z a-z 0-9 . _ @ -";
/** The empty name is valid too: it is the name of a single login. */
export const isAccount = (name: string): boolean => name === "" || isAgentId(name);
