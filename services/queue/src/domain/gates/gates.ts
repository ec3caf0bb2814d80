import { backoffMs } from "@ccsp/timing";
import { neverStarted } from "../task/decide.js";
import type { Failure, Task } from "../task/task.js";
import { loginWords, type Scope } from "./scope.js";

/** Gates by the name of their scope: see `scopeName`. */
export type GatesByName = ReadonlyMap<string, Gate>;

/** A closed gate, or one that has opened and still lets work through on a ramp. Times are ms since 1970. */
export interface Gate {
  readonly who: string;
  readonly why: string;
  readonly closed: number;
  /** When it opens, or did; absent: only by a person. */
  readonly opens?: number;
  /** For how long from then on work is let through on a ramp; absent: all at once. */
  readonly ramp?: number;
  /** How often in a row it was closed for the same cause, where that matters. */
  readonly times?: number;
  /** The lease whose failure closed it last, where `times` counts them: a Fail that comes again is no other failure. */
  readonly lease?: string;
  /** Leases that its ramp has let through. */
  readonly let?: number;
  /** Of an emergency stop: how far it goes; from 2 on nothing starts. */
  readonly level?: number;
  /** Of an emergency stop. */
  readonly id?: string;
}

/** Why a gate is to be closed. */
export interface Closing {
  readonly scope: Scope;
  readonly gate: Omit<Gate, "closed">;
  /** `extend`: a gate that is closed already stays as it is, but for a later time of opening. */
  readonly how: "replace" | "extend";
  /** Other services are told. */
  readonly told: boolean;
  /** A login ended: who found out. Told once for each closing. */
  readonly login?: { readonly engine: string; readonly account: string; readonly executor: string };
}

/** It lets nothing start. One on its ramp does. */
export const isClosed = (gate: Gate | undefined, nowMs: number): gate is Gate =>
  gate !== undefined && (gate.level ?? 2) >= 2 && (gate.opens ?? Number.POSITIVE_INFINITY) > nowMs;

/** When a gate lets the next through, if that is known: one on its ramp lets through twice as many with each sixth of it. */
export function opensForNext(gate: Gate, nowMs: number): number | undefined {
  const { opens, ramp = 0, let: through = 0 } = gate;
  if (isClosed(gate, nowMs) || opens === undefined) return opens;
  return through === 0 ? opens : Math.min(opens + ramp, Math.ceil(opens + (ramp * Math.log2(through + 1)) / 6));
}

const EXECUTOR_PAUSES = { firstMs: 5_000, longestMs: 300_000 };

/**
 * The gate that a failure closes, so that no other task meets the same; undefined for most. `readyMs` is when the failed task is
 * tried again, `before` the gate in that scope.
 */
export function gateAfterFailure(
  task: Task,
  error: Failure,
  {
    nowMs,
    readyMs,
    rampMs,
    before,
  }: { nowMs: number; readyMs: number; rampMs: number; before: (scope: Scope) => Gate | undefined },
): Closing | undefined {
  const { engine, account = "", executor = "" } = task;
  const login: Scope = { kind: "account", engine, account };
  if (error.category === "USAGE_WINDOW") {
    const why = `the usage window of ${loginWords(login)} is closed`;
    const gate = { who: "ccsp", why, opens: readyMs, ramp: rampMs };
    return { scope: login, gate, how: "extend", told: true };
  }
  if (error.category === "SESSION_TIMEOUT") {
    const gate = {
      who: "ccsp",
      why: `${loginWords(login)} is refused: a person has to renew it, then resume`,
      ramp: rampMs,
    };
    const found = { engine, account, executor };
    // Whatever else had closed it: only a person can tell when it may open, and has to hear of it.
    return { scope: login, gate, how: "replace", told: true, login: found };
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
      gate: { who: "ccsp", why, opens: nowMs + pauseMs, ramp: rampMs, times, lease },
      how: "replace",
      told: false,
    };
  }
  return undefined;
}
