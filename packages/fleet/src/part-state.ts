import { askHealth } from "./health.js";
import type { Part } from "./plan.js";

/** The state of a part, if it answers, and why it cannot do its work yet, if it cannot. */
export async function whyNotReady(
  part: Part,
): Promise<{ readonly state?: string | undefined; readonly why: string | undefined }> {
  try {
    const { state, failing } = await askHealth(part.ports.ops);
    const missing = Object.entries(failing).map(([dependency, why]) => `${dependency}: ${why}`);
    if (state === "ready" && missing.length === 0) return { state, why: undefined };
    return { state, why: [`is ${state}`, ...missing].join("; ") };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { why: cause instanceof Error ? cause.message : String(cause) };
  }
}
