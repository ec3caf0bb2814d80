import type { HookPlugin } from "@ccsp/engine-kit";
import { checkName, loadExport } from "../plugins/load-export.js";

/** The hooks that the configuration names, in its order, and the faults of hooks that could not be loaded. */
export interface HookRegistry {
  readonly hooks: readonly LoadedHook[];
  readonly faults: readonly string[];
}

export interface LoadedHook {
  readonly plugin: HookPlugin;
  /** The specifier that loaded it. */
  readonly origin: string;
}

/**
 * Loads hooks; `specifiers` have the same form as for engines. Never rejects: faults are reported as faults of the
 * configuration.
 */
export async function loadHooks(specifiers: readonly string[]): Promise<HookRegistry> {
  const hooks: LoadedHook[] = [];
  const faults: string[] = [];
  for (const specifier of specifiers) {
    try {
      const plugin = await loadExport(specifier, "hookPlugin");
      if (!isPlugin(plugin)) throw new Error("exports no hookPlugin with name, define and open");
      checkName(plugin.name);
      const taken = hooks.some((other) => other.plugin.name === plugin.name);
      if (taken) throw new Error(`there is already a hook named ${plugin.name}`);
      hooks.push({ plugin, origin: specifier });
    } catch (err) {
      faults.push(`hook ${specifier}: ${err instanceof Error ? err.message : "threw no error"}`);
    }
  }
  return { hooks, faults };
}

function isPlugin(value: unknown): value is HookPlugin {
  if (typeof value !== "object" || value === null) return false;
  const { name, define, open }: Partial<Record<keyof HookPlugin, unknown>> = value;
  return typeof name === "string" && typeof define === "function" && typeof open === "function";
}
