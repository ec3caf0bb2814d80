/** The judgement of one instance. `gone`: it has stopped or was silent for long, and is no longer shown. */
export type Health = "ok" | "late" | "draining" | "failing" | "gone";

/** What a report says that concerns its health. */
export interface Vitals {
  /** It has ended as it was asked to. */
  readonly stopped: boolean;
  readonly draining: boolean;
  readonly failing: readonly { readonly name: string; readonly why: string }[];
}

/** An instance after so much silence. */
export interface Patience {
  readonly lateMs: number;
  readonly goneMs: number;
}

export interface Judgement {
  readonly health: Health;
  /** One line for people. Empty for `ok`. */
  readonly why: string;
}

/** Judges an instance by its newest report, and by the time since then. */
export function judge(vitals: Vitals, silentMs: number, { lateMs, goneMs }: Patience): Judgement {
  const { stopped, draining, failing } = vitals;
  if (stopped) return { health: "gone", why: "stopped" };
  if (silentMs > goneMs) return { health: "gone", why: `no heartbeat for ${seconds(goneMs)}` };
  if (silentMs > lateMs) return { health: "late", why: `no heartbeat for ${seconds(lateMs)}` };
  if (draining) return { health: "draining", why: "takes no new work" };
  if (failing.length === 0) return { health: "ok", why: "" };
  return { health: "failing", why: failing.map(({ name, why }) => `${name}: ${why}`).join("; ") };
}

const seconds = (ms: number): string => (ms % 60_000 === 0 ? `${ms / 60_000} min` : `${Math.round(ms / 1_000)} s`);
