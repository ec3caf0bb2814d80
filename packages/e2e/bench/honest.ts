// The honest agent of `make bench-strangers`, a process of its own, so that neither the process that holds the fleet nor an
// attacker takes its time. It sends `begun`. To a message with a number of seconds it answers with the durations of its calls in ms.
import { setTimeout as delay } from "node:timers/promises";
import { CallError, createClient } from "@ccsp/grpc-kit/client.js";
import { AgentServiceService } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";

export const PER_SECOND = 50;

export interface HonestAgent {
  readonly address: string;
  readonly token: string;
  readonly taskId: string;
}

export interface Measured {
  readonly times: number[];
  /** What calls met that failed. */
  readonly faults: string[];
}

const { address, token, taskId }: HonestAgent = JSON.parse(process.env["ATTACK"] ?? "");
const client = createClient(AgentServiceService, address);
const metadata = { authorization: `Bearer ${token}` };
process.on("message", (seconds: number) => {
  void measure(seconds).then((measured) => process.send?.(measured));
});
process.on("disconnect", () => process.exit(0));
process.send?.("begun");

/**
 * Calls at a steady rate, also while earlier calls are still open. Each duration counts from the moment when the call
 * was due. A call that fails counts until it failed.
 */
async function measure(seconds: number): Promise<Measured> {
  const times: number[] = [];
  const faults = new Set<string>();
  const calls: Promise<void>[] = [];
  const start = performance.now();
  for (let index = 0; index < PER_SECOND * seconds; index += 1) {
    const due = start + (index * 1000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await delay(early);
    const call = client.getTask({ taskId }, { metadata }).catch((error: unknown) => {
      faults.add(error instanceof CallError ? String(error.reason) : String(error));
    });
    calls.push(call.then(() => void times.push(performance.now() - due)));
  }
  await Promise.all(calls);
  return { times, faults: [...faults] };
}
