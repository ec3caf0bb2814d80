import { once } from "node:events";
import { Worker } from "node:worker_threads";
import type { FleetSettings, SettingsFound } from "./check-settings.js";
import type { SettingsByService } from "./settings-by-service.js";

/** What the code of the services is asked once, before a fleet starts. */
export interface Asked {
  /** Each service's own of these settings. */
  divided: { readonly asked: Readonly<Record<string, string>>; readonly answer: SettingsByService };
  /** What is wrong with the settings of a fleet. */
  checked: { readonly asked: FleetSettings; readonly answer: SettingsFound };
}

/**
 * Asks the code of the services in a thread that ends after the answer. This code takes 100 MB, and the process of a
 * fleet lives as long as the fleet. Rejects with a copy of what the code throws, and if the thread ends without an answer.
 */
export async function askServices<K extends keyof Asked>(
  kind: K,
  asked: Asked[K]["asked"],
): Promise<Asked[K]["answer"]> {
  const thread = new Worker(new URL("./services-worker.js", import.meta.url), { workerData: { kind, asked } });
  const ended = once(thread, "exit").then(([code]) => {
    throw new Error(`the thread that asks the code of the services ended with ${code} and gave no answer`);
  });
  ended.catch(() => {}); // it also ends after the answer
  try {
    const [answer] = await Promise.race([once(thread, "message"), ended]);
    return answer;
  } finally {
    await thread.terminate();
  }
}
