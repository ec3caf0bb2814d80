import { lookalikes } from "./misspelt.js";
import { EnvSettings, type SettingDescription, type Settings } from "./settings.js";

export type Env = Readonly<Record<string, string | undefined>>;

/** Everything that is wrong with a configuration, one sentence per fault. Values of secret settings are not in it. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(
      `the configuration has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:\n  ${faults.join("\n  ")}`,
    );
    this.faults = faults;
  }
}

/**
 * Reads a configuration from `env`, and from nothing else. Throws ConfigError naming every fault. A variable that is no
 * setting but looks like a misspelt one is a warning: it may belong to another program.
 */
export function load<C>(env: Env, define: (settings: Settings) => C): { config: C; warnings: readonly string[] } {
  const settings = new EnvSettings(env);
  let config: C;
  try {
    config = define(settings);
  } catch (error) {
    // What stands in for a faulty value may well be too much for `define`: the fault is the news then.
    if (settings.faults.length > 0) throw new ConfigError(settings.faults);
    throw error;
  }
  if (settings.faults.length > 0) throw new ConfigError(settings.faults);

  const known = settings.described.map(({ name }) => name);
  const misspelt = lookalikes(Object.keys(env), known).map(
    ({ name, meant }) => `${name} is not a setting and has no effect: is ${meant} meant?`,
  );
  return { config, warnings: [...settings.warnings, ...misspelt] };
}

/**
 * The names of `env` that mean something to `define`: settings that it reads with this environment or with an empty one, and what looks
 * like one of them misspelt, of which `load` warns.
 */
export function namesFor(env: Env, define: (settings: Settings) => unknown): readonly string[] {
  const known = new Set<string>();
  for (const each of [{}, env]) {
    const settings = new EnvSettings(each);
    try {
      define(settings);
    } catch {
      // What stands in for a faulty value may be too much for it. What it has read until then counts.
    }
    for (const { name } of settings.described) known.add(name);
  }
  const names = Object.keys(env);
  const misspelt = lookalikes(names, [...known]).map(({ name }) => name);
  return names.filter((name) => known.has(name) || misspelt.includes(name));
}

/** Every setting that `define` reads when nothing is set, in that order. */
export function describeSettings(define: (settings: Settings) => unknown): readonly SettingDescription[] {
  const settings = new EnvSettings({});
  define(settings);
  return settings.described;
}
