/** How close a limit is. Shares are of the limit: 1 is all of it. */
export interface Pressure {
  /** What uses the limit up: `account/ENGINE/ACCOUNT`, `engine/ENGINE` or `agent/AGENT`. */
  readonly subject: string;
  /** Names the limit in reasons, such as `the five-hour window`. */
  readonly scope: string;
  readonly usedShare: number;
  /** The forecast for the end of the next hour, or for the moment before the limit turns if that is sooner. */
  readonly predictedShare: number;
  /** Starts per minute of the subject, on average over the last minutes. */
  readonly startsPerMinute: number;
  /** The number of starts that use the whole limit. */
  readonly fillingStarts: number;
  /** When nothing of the limit is used again (ms since 1970). Undefined: it is not known. */
  readonly turnMs: number | undefined;
}

/** A part of the monitor that knows limits and their forecasts. */
export interface PressureSource {
  /** Returns the limits as they are now. A limit whose forecast is not known is left out. */
  read(now: Date): Promise<readonly Pressure[]>;
}
