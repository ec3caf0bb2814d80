/** What a service says of itself at `/health?verbose`. */
export interface Health {
  /** `starting`, `ready` or `draining`. */
  readonly state: string;
  /** What is wrong with each dependency that does not answer, by its name. */
  readonly failing: Readonly<Record<string, string>>;
}

/** Asks a service of this machine. Rejects when it does not answer in time: `timeoutMs` must be above the 2 s that its own checks take. */
export async function askHealth(opsPort: number, timeoutMs: number): Promise<Health> {
  const url = `http://127.0.0.1:${opsPort}/health?verbose`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const { state, failing }: Health = JSON.parse(await response.text());
  return { state, failing };
}
