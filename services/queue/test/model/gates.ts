import type { Failure } from "../../src/domain/task/task.js";
import { RAMP_MS } from "../world.js";
import type { ModelTask } from "./tasks.js";

interface ModelGate {
  readonly who: string;
  opens: number;
  ramp: number;
  /** Leases that the gate let through since it opened. */
  let: number;
  times: number;
  /** The lease that closed the gate last, when `times` counts closings. */
  lease?: string;
}

const NEVER = Number.POSITIVE_INFINITY;
const RAMPED = /^(all$|class\/|engine\/|account\/)/;

/** Which gates are closed, and how many leases the opened gates let through. */
export class ModelGates {
  private readonly gates = new Map<string, ModelGate>();
  /** The events about gates for other services, in order: type and scope of each. */
  readonly told: string[] = [];
  /** Engines whose login was overloaded. For these, fewer runs than slots may be allowed at the same time. */
  readonly bounded = new Set<string>();

  pause(scope: string, who: string, now: number, opensMs?: number): void {
    const ramp = opensMs !== undefined && RAMPED.test(scope) ? RAMP_MS : 0;
    this.replace(scope, { who, opens: opensMs ?? NEVER, ramp }, now);
  }

  /**
   * Closes a gate. Returns whether that changed anything: a gate that is already closed in the same way does not
   * change.
   */
  private replace(scope: string, gate: Pick<ModelGate, "who" | "opens" | "ramp">, now: number): boolean {
    const before = this.gates.get(scope);
    if (before && before.opens > now && before.opens === gate.opens && before.who === gate.who) return false;
    this.gates.set(scope, { ...gate, let: 0, times: 0 });
    this.told.push(`gate.closed ${scope}`);
    return true;
  }

  resume(scope: string, now: number): void {
    const gate = this.gates.get(scope);
    if (!gate || gate.opens <= now) return;
    gate.opens = now;
    this.told.push(`gate.opened ${scope}`);
  }

  /** Closes the gates that a failed run closes, because other runs would fail in the same way. */
  afterFailure(
    { id, engine, executor, fence, state }: ModelTask,
    { category }: Failure,
    now: number,
    readyMs: number,
  ): void {
    if (state === "CANCELLING") return;
    const login = `account/${engine}/`;
    if (category === "USAGE_WINDOW") this.extend(login, readyMs, now);
    if (category === "SESSION_TIMEOUT" && this.replace(login, { who: "ccsp", opens: NEVER, ramp: RAMP_MS }, now)) {
      this.told.push(`session.timeout ${login}`);
    }
    if (category !== "ENGINE_CRASH" || state !== "LEASED") return;
    const [scope, lease] = [`executor/${executor}/${engine}`, `${id} ${fence}`];
    const before = this.gates.get(scope);
    if (before?.lease === lease) return;
    const times = (before?.times ?? 0) + 1;
    const opens = now + Math.min(5_000 * 2 ** (times - 1), 300_000);
    this.gates.set(scope, { who: "ccsp", opens, ramp: RAMP_MS, let: 0, times, lease });
  }

  private extend(scope: string, opens: number, now: number): void {
    const gate = this.gates.get(scope);
    if (!gate || gate.opens <= now) this.replace(scope, { who: "ccsp", opens, ramp: RAMP_MS }, now);
    else if (opens > gate.opens) Object.assign(gate, { opens, ramp: RAMP_MS });
  }

  /** Whether the gate is closed, has opened since the last round of the reaper, or is on its ramp. */
  knows(scope: string): boolean {
    return this.gates.has(scope);
  }

  /** How many more leases the gate lets through. */
  room(scope: string, now: number): number {
    const gate = this.gates.get(scope);
    if (!gate) return NEVER;
    if (gate.opens > now) return 0;
    if (now - gate.opens >= gate.ramp) return NEVER;
    return Math.floor(2 ** ((6 * (now - gate.opens)) / gate.ramp)) - gate.let;
  }

  letThrough(scopes: readonly string[], now: number): void {
    for (const scope of scopes) {
      const gate = this.gates.get(scope);
      if (gate && gate.opens <= now) gate.let += 1;
    }
  }

  /** Forgets the gates that have opened and whose ramp is over. */
  forget(now: number): void {
    for (const [scope, { opens, ramp }] of this.gates) if (opens + ramp <= now) this.gates.delete(scope);
  }
}
