import type { EnginePlugin } from "@ccsp/engine-kit";
import { checkName, loadExport } from "../plugins/load-export.js";
import { enginePlugin as claudeCode } from "./claude-code/index.js";
import { enginePlugin as command } from "./command/index.js";

/** The engines that the configuration can name, and the faults of plugins that could not be loaded. */
export interface EngineRegistry {
  readonly plugins: readonly LoadedPlugin[];
  readonly faults: readonly string[];
}

export interface LoadedPlugin {
  readonly plugin: EnginePlugin;
  /** `built-in`, or the specifier that loaded it. */
  readonly origin: string;
}

const BUILT_IN: readonly LoadedPlugin[] = [claudeCode, command].map((plugin) => ({ plugin, origin: "built-in" }));

/**
 * Returns the built-in engines and the engines of `specifiers`. A specifier is the name of an npm package that is
 * installed with the executor, or the absolute path of a module. Never rejects: faults are reported as faults of the
 * configuration.
 */
export async function loadEngines(specifiers: readonly string[]): Promise<EngineRegistry> {
  const plugins = [...BUILT_IN];
  const faults: string[] = [];
  for (const specifier of specifiers) {
    try {
      const plugin = await loadPlugin(specifier);
      if (plugins.some((other) => other.plugin.name === plugin.name)) {
        throw new Error(`there is already an engine named ${plugin.name}`);
      }
      plugins.push({ plugin, origin: specifier });
    } catch (err) {
      faults.push(`engine plugin ${specifier}: ${err instanceof Error ? err.message : "threw no error"}`);
    }
  }
  return { plugins, faults };
}

async function loadPlugin(specifier: string): Promise<EnginePlugin> {
  const plugin = await loadExport(specifier, "enginePlugin");
  if (!isPlugin(plugin)) throw new Error("exports no enginePlugin with name, define and open");
  checkName(plugin.name);
  return plugin;
}

function isPlugin(value: unknown): value is EnginePlugin {
  if (typeof value !== "object" || value === null) return false;
  const { name, define, open }: Partial<Record<keyof EnginePlugin, unknown>> = value;
  return typeof name === "string" && typeof define === "function" && typeof open === "function";
}
