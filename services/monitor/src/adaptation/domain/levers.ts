import type { StartRange } from "./controller.js";

/** A rate or weight to set. Undefined: the value of the settings. */
export interface LeverValue {
  /** Name of the limit in the queue. */
  readonly name: string;
  readonly value: { readonly rate: number } | { readonly weight: number } | undefined;
}

/** What the adaptation changes in the queue. It never changes what a person has set or closed. */
export interface Levers {
  /** The operator's range, and the weight of high in the settings. */
  read(): Promise<{ readonly starts: StartRange; readonly weights: StartRange; readonly highWeight: number }>;
  /** Sets values until `LASTS_MS` from now. Repeating it lengthens this. */
  set(values: readonly LeverValue[], why: string): Promise<void>;
  /** Closes gates until `LASTS_MS` from now, and opens others again. The names are those of subjects. */
  gates(closed: ReadonlyMap<string, string>, opened: readonly string[]): Promise<void>;
}

/**
 * How long a change lasts that is not renewed. A monitor that stopped for good, or that does not know the forecasts any
 * more, so slows nobody down for longer than this.
 */
export const LASTS_MS = 15 * 60_000;
