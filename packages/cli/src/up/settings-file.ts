import { readFile } from "node:fs/promises";
import { parseEnv } from "node:util";
import { type Env, nearestName } from "@ccsp/config";
import { CliError, EXIT } from "../process/exit.js";
import { mayBeInFile } from "./fleet-env.js";

/** The settings file of a local fleet. */
export interface SettingsFile {
  readonly values: Readonly<Record<string, string>>;
  /** The line of each setting, counted from 1. */
  readonly lines: ReadonlyMap<string, number>;
}

const EMPTY: SettingsFile = { values: {}, lines: new Map() };
/** Plugins bring settings that only the executor knows. */
const LOADS_PLUGINS = ["CCSP_EXECUTOR_ENGINE_PLUGINS", "CCSP_EXECUTOR_HOOKS"];

/**
 * Reads the settings file, in dotenv form. Without a file there are no settings. Throws one error with all faults of
 * the file: lines of another form, repeated names, and names that nothing would read.
 */
export async function readSettingsFile(path: string): Promise<SettingsFile> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new CliError(EXIT.usage, `the settings file cannot be read: ${error.message}`);
  });
  if (text === undefined) return EMPTY;
  const { lines, faults } = scan(text);
  const values = valuesOf(text);
  if (lines.size > 0) faults.push(...(await unknownNames(lines, values)));
  if (faults.length === 0) return { values, lines };
  const ordered = faults.toSorted((a, b) => a.line - b.line).map(({ line, what }) => `  line ${line}: ${what}`);
  throw new CliError(
    EXIT.usage,
    `${path} has ${faults.length === 1 ? "a fault" : `${faults.length} faults`}:`,
    ordered,
  );
}

/** The environment wins. A variable that is set but empty counts as not set, as for the services. */
export function withSettings(env: Env, { values }: SettingsFile): Env {
  const given = Object.fromEntries(Object.entries(env).filter(([, value]) => (value ?? "").trim() !== ""));
  return { ...env, ...values, ...given };
}

interface Fault {
  readonly line: number;
  readonly what: string;
}

const NAME = /^(?:export\s+)?([A-Za-z_]\w*)\s*=(.*)$/;

/** `parseEnv` of Node ignores lines of another form, and takes the last of two lines for a name. */
function scan(text: string): { lines: Map<string, number>; faults: Fault[] } {
  const lines = new Map<string, number>();
  const faults: Fault[] = [];
  for (const [at, raw] of text.split("\n").entries()) {
    const content = raw.trim();
    if (content === "" || content.startsWith("#")) continue;
    const line = at + 1;
    const [, name, value = ""] = NAME.exec(content) ?? [];
    if (name === undefined) faults.push({ line, what: "it is not of the form NAME=value, and no comment (#)" });
    else if (opensQuote(value.trim())) faults.push({ line, what: `the value of ${name} has no closing quote` });
    else if (lines.has(name)) faults.push({ line, what: `${name} is in line ${lines.get(name)} already` });
    else lines.set(name, line);
  }
  return { lines, faults };
}

const opensQuote = (value: string): boolean => {
  const quote = value[0] ?? "";
  return /["'`]/.test(quote) && !value.slice(1).includes(quote);
};

function valuesOf(text: string): Record<string, string> {
  const parsed = Object.entries(parseEnv(text));
  return Object.fromEntries(parsed.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

async function unknownNames(
  lines: ReadonlyMap<string, number>,
  values: Readonly<Record<string, string>>,
): Promise<readonly Fault[]> {
  const { knownSettings } = await import("./known-settings.js"); // loads the services only if there is a file
  const known = (await knownSettings()).flatMap(({ settings }) => settings.map(({ name }) => name));
  const plugins = LOADS_PLUGINS.some((name) => (values[name] ?? "") !== "");
  return [...lines].flatMap(([name, line]) => {
    if (known.includes(name) || name.startsWith("OTEL_")) return [];
    if (name.startsWith("CCSP_JWT_")) return [{ line, what: `${name} belongs into the environment: ${JWT}` }];
    if (name.startsWith("CCSP_") && !mayBeInFile(name)) return [{ line, what: `the fleet sets ${name} itself` }];
    const meant = nearestName(name, known, plugins ? TYPING_ERRORS : undefined);
    if (plugins && name.startsWith("CCSP_") && meant === undefined) return [];
    return [{ line, what: `${name} is not a setting${meant === undefined ? "" : `: is ${meant} meant?`}` }];
  });
}

/** As for the environment of a service: a name of a plugin is often near to another one. */
const TYPING_ERRORS = 2;

const JWT = "the commands that make tokens need it too, and do not read this file";
