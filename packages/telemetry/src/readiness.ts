import { within } from "@ccsp/timing";

/** A check passes if it returns, and fails if it throws. */
export type Check = () => Promise<void> | void;

/** A probe of Kubernetes or Consul waits only a few seconds. A later answer is useless. */
const CHECK_MS = 2_000;

/** Runs all checks at the same time. Resolves to the fault of each failed check, by name. Never rejects. */
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
