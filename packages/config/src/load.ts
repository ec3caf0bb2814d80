import { lookalikes } from "./misspelt.js";
import { EnvSettings, type SettingDescription, type Settings } from "./settings.js";

export type Env = Readonly<Record<string, string | undefined>>;

/**
 * Reports everything that is wrong with a configuration, one sentence per fault. It never contains the values of secret
 * settings.
 */
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
 * Reads a configuration from `env` and from nothing else. Throws a ConfigError that names every fault. A variable that
 * looks like a misspelt setting is only a warning: it may belong to another program.
 */
export function load<C>(env: Env, define: (settings: Settings) => C): { config: C; warnings: readonly string[] } {
  const settings = new EnvSettings(env);
  let config: C;
  try {
    config = define(settings);
  } catch (error) {
    // `define` may fail on the placeholder of a faulty value. Then the fault is what the user needs to know.
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
 * Names in `env` that matter to `define`. These are the settings that it reads with this environment or with an empty
 * one, and the names that look like a misspelt setting (`load` warns of those).
 */
export function namesFor(env: Env, define: (settings: Settings) => unknown): readonly string[] {
  const known = new Set<string>();
  for (const each of [{}, env]) {
    const settings = new EnvSettings(each);
    try {
      define(settings);
    } catch {
      // `define` may fail on the placeholder of a faulty value. The settings that it read before still count.
    }
    for (const { name } of settings.described) known.add(name);
  }
  const names = Object.keys(env);
  const misspelt = lookalikes(names, [...known]).map(({ name }) => name);
  return names.filter((name) => known.has(name) || misspelt.includes(name));
}

/**
 * Every setting that `define` reads with this environment, in the order in which it reads them. By default no setting
 * has a value.
 */
export function describeSettings(
  define: (settings: Settings) => unknown,
  env: Env = {},
): readonly SettingDescription[] {
  const settings = new EnvSettings(env);
  define(settings);
  return settings.described;
}
