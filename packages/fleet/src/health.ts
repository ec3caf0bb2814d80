/** The answer of a service to `/health?verbose`. */
export interface Health {
  /** `starting`, `ready` or `draining`. */
  readonly state: string;
  /** The fault of each dependency that does not answer, by the name of the dependency. */
  readonly failing: Readonly<Record<string, string>>;
}

/** More than the 2 s that a service's own checks may take. */
const ANSWER_MS = 2_500;

/** Asks a service on this machine. Rejects if it does not answer in time. */
export async function askHealth(opsPort: number, timeoutMs = ANSWER_MS): Promise<Health> {
  const url = `http://127.0.0.1:${opsPort}/health?verbose`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
  const { state, failing }: Health = JSON.parse(await response.text());
  return { state, failing };
}
