import { backoffMs } from "@ccsp/timing";
import { LONGEST_PARKING_MS, neverStarted, OPEN_MARGIN_MS } from "../task/decide.js";
import type { Failure, Task } from "../task/task.js";
import { loginWords, type Scope } from "./scope.js";

/** Gates by the name of their scope (`scopeName`). */
export type GatesByName = ReadonlyMap<string, Gate>;

/** A closed gate, or a gate that has opened and still lets work through on a ramp. Times are ms since 1970. */
export interface Gate {
  readonly who: string;
  readonly why: string;
  readonly closed: number;
  /** When it opens or has opened. Absent: only a person opens it. */
  readonly opens?: number;
  /** How long (ms) from `opens` on it lets work through on a ramp. Absent: all work at once. */
  readonly ramp?: number;
  /** How many times in a row it was closed for the same cause. Absent where this does not matter. */
  readonly times?: number;
  /**
   * With `times`: the lease whose failure closed the gate last. So a repeated Fail does not count as another failure.
   */
  readonly lease?: string;
  /** How many leases its ramp has let through. */
  readonly let?: number;
  /** The level of an emergency stop. From 2 on, no task starts. */
  readonly level?: number;
  /** The id of an emergency stop. */
  readonly id?: string;
  /** For the scope of budgets: those that are used up. Each holds until its own time, the last one until `opens`. */
  readonly budgets?: readonly UsedBudget[];
}

/** A budget that is used up. */
export interface UsedBudget {
  readonly name: string;
  /** What happens to new tasks: they are refused, or accepted and wait. Waiting tasks do not start in both cases. */
  readonly action: "refuse" | "park";
  /** Its limit in words, such as `100 requests a day`. */
  readonly limit: string;
  /** When its period ends (ms since 1970). */
  readonly until: number;
  /** Its runs under way may send no more messages to their models. Absent: they go on. */
  readonly holdsRuns?: true;
}

/** A gate to close. */
export interface Closing {
  readonly scope: Scope;
  readonly gate: Omit<Gate, "closed">;
  /** `extend`: a gate that is closed already only gets a later time of opening. */
  readonly how: "replace" | "extend";
  /** Whether an event tells other services. */
  readonly announced: boolean;
  /** For a login that ended: the executor that found it. Each closing writes one event about it. */
  readonly login?: { readonly engine: string; readonly account: string; readonly executor: string };
}

/** Whether the gate lets no task start. A gate on its ramp is not closed. */
export const isClosed = (gate: Gate | undefined, nowMs: number): gate is Gate =>
  gate !== undefined && (gate.level ?? 2) >= 2 && (gate.opens ?? Number.POSITIVE_INFINITY) > nowMs;

/**
 * When a gate lets the next task through (ms since 1970). Undefined when only a person opens it. A gate on its ramp
 * lets twice as many tasks through with each sixth of the ramp.
 */
export function opensForNext(gate: Gate, nowMs: number): number | undefined {
  const { opens, ramp = 0, let: through = 0 } = gate;
  if (isClosed(gate, nowMs) || opens === undefined) return opens;
  return through === 0 ? opens : Math.min(opens + ramp, Math.ceil(opens + (ramp * Math.log2(through + 1)) / 6));
}

/** The names of those who close gates by themselves. access.proto has them. */
export interface GateNames {
  /** The queue. */
  readonly queue: string;
  /** The monitor, when it pauses an account whose login is lost. */
  readonly sessionWatch: string;
}

/** A login of an engine. */
export interface Login {
  readonly engine: string;
  readonly account: string;
}

/** What a provider has said of the usage windows of a login. */
export interface SaidWindows extends Login {
  /** Data of the event that tells other services. */
  readonly data: string;
  /** When the last of the closed windows opens (ms since 1970). Undefined: none is closed, or it did not say when. */
  readonly closedUntilMs: number | undefined;
}

interface ClosingOptions {
  readonly rampMs: number;
  readonly names: GateNames;
}

const closedWindow = ({ engine, account }: Login, opens: number, { rampMs, names }: ClosingOptions): Closing => {
  const scope: Scope = { kind: "account", engine, account };
  const why = `the usage window of ${loginWords(scope)} is closed`;
  return { scope, gate: { who: names.queue, why, opens, ramp: rampMs }, how: "extend", announced: true };
};

/** The gate that what a provider has said closes. Undefined: the login has no closed window. */
export function gateOfWindows(
  { closedUntilMs = 0, ...login }: SaidWindows,
  { nowMs, ...options }: ClosingOptions & { readonly nowMs: number },
): Closing | undefined {
  if (closedUntilMs <= nowMs) return undefined;
  return closedWindow(login, Math.min(closedUntilMs, nowMs + LONGEST_PARKING_MS) + OPEN_MARGIN_MS, options);
}

const EXECUTOR_PAUSES = { firstMs: 5_000, longestMs: 300_000 };

/**
 * The gate that a failure closes, so that no other task meets the same failure. Undefined for most failures. `readyMs`
 * is when the failed task is tried again. `before` returns the present gate of a scope.
 */
export function gateAfterFailure(
  task: Task,
  error: Failure,
  {
    nowMs,
    readyMs,
    rampMs,
    names,
    before,
  }: ClosingOptions & {
    readonly nowMs: number;
    readonly readyMs: number;
    readonly before: (scope: Scope) => Gate | undefined;
  },
): Closing | undefined {
  const { engine, account = "", executor = "" } = task;
  const login: Scope = { kind: "account", engine, account };
  if (error.category === "USAGE_WINDOW") return closedWindow({ engine, account }, readyMs, { rampMs, names });
  if (error.category === "SESSION_TIMEOUT") {
    // The monitor has found the same, and has told it.
    const closed = before(login);
    if (isClosed(closed, nowMs) && closed.who === names.sessionWatch && closed.opens === undefined) return undefined;
    const gate = {
      who: names.queue,
      why: `${loginWords(login)} is refused: a person has to renew it, then resume`,
      ramp: rampMs,
    };
    const found = { engine, account, executor };
    // It replaces a gate with another cause: only a person knows when the login works again, and an event must notify
    // them.
    return { scope: login, gate, how: "replace", announced: true, login: found };
  }
  if (neverStarted(task, error)) {
    const scope: Scope = { kind: "executor", executor, engine };
    const lease = `${task.id} ${task.fence ?? 0}`;
    const last = before(scope);
    if (last?.lease === lease) return undefined;
    const times = (last?.times ?? 0) + 1;
    const pauseMs = backoffMs(times, EXECUTOR_PAUSES);
    const why = `${executor} could not start ${engine}`;
    return {
      scope,
      gate: { who: names.queue, why, opens: nowMs + pauseMs, ramp: rampMs, times, lease },
      how: "replace",
      announced: false,
    };
  }
  return undefined;
}
