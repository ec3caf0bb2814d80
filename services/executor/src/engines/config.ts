import { describeSettings, type Settings } from "@ccsp/config";
import type { EnginePlugin } from "@ccsp/engine-kit";
import { inSettings } from "../plugins/load-export.js";
import type { EngineRegistry, LoadedPlugin } from "./registry.js";

/** An engine that this executor must open. */
export interface EngineConfig extends LoadedPlugin {
  /** The value that the plugin's own `define` returned. */
  readonly config: unknown;
  /** Number of runs at the same time. */
  readonly slots: number;
}

/** This setting must be read first: the plugins that it names have settings of their own. */
export const enginePlugins = (settings: Settings): readonly string[] =>
  settings.list("CCSP_EXECUTOR_ENGINE_PLUGINS", "npm packages or absolute paths of modules that add engines", {
    default: [],
  });

/**
 * Declares the settings of all engines. Only the settings of engines that are opened are checked. The others are
 * declared for --help.
 */
export function defineEngines(settings: Settings, { plugins, faults }: EngineRegistry): readonly EngineConfig[] {
  for (const fault of faults) settings.fault(fault);
  const loaded = enginePlugins(settings).length > 0;
  const known = plugins.map(({ plugin }) => plugin.name);
  const names = settings.list("CCSP_EXECUTOR_ENGINES", `engines to open, of ${known.join(", ")}`, {
    default: ["claude-code"],
  });
  const slots = settings.integer("CCSP_EXECUTOR_SLOTS", "most runs of each engine at the same time", {
    default: 2,
    min: 1,
    max: 500,
  });
  if (names.length === 0) settings.fault("CCSP_EXECUTOR_ENGINES names no engine");
  for (const name of names) {
    if (known.includes(name)) continue;
    const hint = loaded ? "" : "; CCSP_EXECUTOR_ENGINE_PLUGINS adds others";
    settings.fault(`CCSP_EXECUTOR_ENGINES: there is no engine ${name}, only ${known.join(", ")}${hint}`);
  }
  return plugins.flatMap(({ plugin, origin }) => {
    if (!names.includes(plugin.name)) {
      mention(settings, plugin);
      return [];
    }
    const own = `CCSP_EXECUTOR_SLOTS_${inSettings(plugin.name)}`;
    const config = plugin.define(settings);
    const many = settings.integer(own, `most runs of ${plugin.name} at the same time; unset: CCSP_EXECUTOR_SLOTS`, {
      default: slots,
      min: 1,
      max: 500,
    });
    return [{ plugin, origin, config, slots: many }];
  });
}

/** Lists the settings of an engine that is not opened in --help, but does not require them. */
function mention(settings: Settings, plugin: EnginePlugin): void {
  for (const { name, doc, form, default: fallback, secret } of describeSettings((reader) => plugin.define(reader))) {
    if (fallback === undefined) settings.optionalText(name, doc, { secret, form });
    else settings.text(name, doc, { default: fallback, secret, form });
  }
}
