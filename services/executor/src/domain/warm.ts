/** Engine processes that wait for a run. Implemented by `../warm/pool.ts`. */
export interface WarmProcesses {
  /** How many wait for a run of this engine. */
  waiting(engine: string): number;
  /** How many there are in all, with those that are being started or ended. */
  processes(): number;
  /** False: ends those that wait, and starts none until it is true again. Resolves when that is so. Never rejects. */
  allow(allowed: boolean): Promise<void>;
}
