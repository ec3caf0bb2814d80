import { within } from "@ccsp/timing";

/** Passes by returning, fails by throwing. */
export type Check = () => Promise<void> | void;

/** A probe of Kubernetes or Consul waits a few seconds at most; an answer after that is none. */
const CHECK_MS = 2_000;

/** Runs all checks side by side. Resolves to what is wrong, by name; never rejects. */
export async function runChecks(
  checks: Readonly<Record<string, Check>>,
  limitMs: number = CHECK_MS,
): Promise<Readonly<Record<string, string>>> {
  const faults = await Promise.all(
    Object.entries(checks).map(async ([name, check]) => [name, await faultOf(check, limitMs)] as const),
  );
  return Object.fromEntries(faults.flatMap(([name, fault]) => (fault === undefined ? [] : [[name, fault]])));
}

async function faultOf(check: Check, limitMs: number): Promise<string | undefined> {
  const passes = async () => {
    await check();
    return undefined;
  };
  try {
    return await within(limitMs, passes(), () => `no answer within ${limitMs} ms`);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
