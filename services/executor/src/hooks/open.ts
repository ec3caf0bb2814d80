import { HOOK_POINTS, type Hook, type HookPoint } from "@ccsp/engine-kit";
import { within } from "@ccsp/timing";
import type { Logger } from "pino";
import type { InstalledHook } from "../domain/hooks/hook-calls.js";
import type { HookConfig } from "./config.js";

export interface OpenHooks {
  readonly hooks: readonly InstalledHook[];
  close(): Promise<void>;
}

/** Time for each hook to close. The executor ends without hooks that take longer. */
const CLOSE_MS = 1_000;

/**
 * Opens every hook, in order. Rejects if a hook does not open or has no method for a point. Then it closes the hooks
 * before it.
 */
export async function openHooks(configs: readonly HookConfig[], log: Logger): Promise<OpenHooks> {
  const hooks: InstalledHook[] = [];
  const close = async () => {
    for (const { name, hook } of hooks.toReversed()) {
      const closed = async () => await hook.close?.();
      const late = () => {
        throw new Error("it takes too long");
      };
      await within(CLOSE_MS, closed(), late).catch((err: unknown) =>
        log.error({ err, hook: name }, "hook could not be closed"),
      );
    }
  };
  try {
    for (const { plugin, origin, config, required, timeoutMs } of configs) {
      const { name } = plugin;
      const hook = await plugin.open(config, { log: log.child({ hook: name }) });
      const points = HOOK_POINTS.filter((point) => typeof hook[METHODS[point]] === "function");
      hooks.push({ name, origin, points, required, timeoutMs, hook });
      if (points.length === 0) throw new Error(`hook ${name} has no method for any point`);
      log.info({ hook: name, points, required, timeoutMs }, "hook found");
    }
  } catch (err) {
    await close();
    throw err;
  }
  return { hooks, close };
}

const METHODS = {
  "before-execute": "beforeExecute",
  execute: "execute",
  "on-event": "onEvent",
  "after-execute": "afterExecute",
  "on-error": "onError",
} as const satisfies Record<HookPoint, keyof Hook>;
