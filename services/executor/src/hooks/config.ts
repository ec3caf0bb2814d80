import type { Settings } from "@ccsp/config";
import { inSettings } from "../plugins/load-export.js";
import type { HookRegistry, LoadedHook } from "./registry.js";

/** A hook that this executor must open. */
export interface HookConfig extends LoadedHook {
  /** The value that the plugin's own `define` returned. */
  readonly config: unknown;
  readonly required: boolean;
  /** For each call. */
  readonly timeoutMs: number;
}

/** This setting must be read first: the plugins that it names have settings of their own. */
export const hookPlugins = (settings: Settings): readonly string[] =>
  settings.list(
    "CCSP_EXECUTOR_HOOKS",
    "npm packages or absolute paths of modules that are hooks, in the order of their calls",
    {
      default: [],
    },
  );

export function defineHooks(settings: Settings, { hooks, faults }: HookRegistry): readonly HookConfig[] {
  hookPlugins(settings);
  for (const fault of faults) settings.fault(fault);
  return hooks.map(({ plugin, origin }) => {
    const prefix = `CCSP_HOOK_${inSettings(plugin.name)}`;
    return {
      plugin,
      origin,
      config: plugin.define(settings),
      required: settings.flag(`${prefix}_REQUIRED`, `whether a failure of the hook ${plugin.name} fails the run`, {
        default: plugin.required === true,
      }),
      timeoutMs: settings.durationMs(`${prefix}_TIMEOUT`, `how long each call of the hook ${plugin.name} may take`, {
        default: "1s",
        min: 1,
        max: 60_000,
      }),
    };
  });
}
