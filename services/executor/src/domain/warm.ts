/** Engine processes that wait for a run. Implemented by `../warm/pool.ts`. */
export interface WarmProcesses {
  /** The number of processes that wait for a run of this engine. */
  waiting(engine: string): number;
  /** The number of all processes of the pool, including those that are being started or ended. */
  processes(): number;
  /**
   * False: ends the waiting processes, and starts none until this is called with true. Resolves when none is left.
   * Never rejects.
   */
  allow(allowed: boolean): Promise<void>;
}
