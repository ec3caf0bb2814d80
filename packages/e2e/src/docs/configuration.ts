import { loadDefinitions, VARIABLES } from "@ccsp/cli";
import { describeSettings, type SettingDescription } from "@ccsp/config";
import { SERVICES } from "@ccsp/fleet";
import { table } from "./markdown.js";

/** All engines of this repository, so that the page has their settings too. */
const ENV = {
  CCSP_EXECUTOR_ENGINE_PLUGINS: "@ccsp/engine-opencode",
  CCSP_EXECUTOR_ENGINES: "claude-code,command,opencode",
};

/** Settings of the executor whose names begin like this have a section of their own. */
const ENGINES = [
  ["CCSP_CLAUDE_CODE_", "Engine claude-code (executor)"],
  ["CCSP_COMMAND_ENGINE_", "Engine command (executor)"],
  ["CCSP_OPENCODE_", "Engine opencode (executor)"],
] as const;

interface Used {
  readonly setting: SettingDescription;
  readonly services: readonly string[];
}

/** The tables of docs/configuration.md, from what the services and the command themselves declare. */
export async function configuration(): Promise<string> {
  const used = await usedSettings();
  const everywhere = used.filter(({ services }) => services.length === SERVICES.length);
  const shared = used.filter(({ services }) => services.length > 1 && services.length < SERVICES.length);
  const own = (service: string) => used.filter(({ services }) => services.length === 1 && services[0] === service);
  const engineOf = ({ setting }: Used) => ENGINES.find(([prefix]) => setting.name.startsWith(prefix))?.[1];
  const section = (title: string, settings: readonly Used[]) => [`## ${title}`, "", settingsTable(settings), ""];
  return [
    ...section("Every service", everywhere),
    "## Several services",
    "",
    "All of them need the same value.",
    "",
    settingsTable(shared, ({ services }) => services.join(", ")),
    "",
    ...SERVICES.flatMap((service) =>
      section(
        titleOf(service),
        own(service).filter((each) => !engineOf(each)),
      ),
    ),
    ...ENGINES.flatMap(([, title]) =>
      section(
        title,
        own("executor").filter((each) => engineOf(each) === title),
      ),
    ),
    "## The command ccsp",
    "",
    table(
      ["variable", "meaning", "when it is not set"],
      VARIABLES.map(({ name, doc, unset }) => [`\`${name}\``, doc, unset]),
    ),
  ].join("\n");
}

const titleOf = (service: string) => service.replace(/^./, (first) => first.toUpperCase());

async function usedSettings(): Promise<readonly Used[]> {
  const definitions = await loadDefinitions(ENV);
  const used = new Map<string, { setting: SettingDescription; services: string[] }>();
  for (const service of SERVICES) {
    for (const setting of describeSettings((reader) => definitions[service].define(reader), ENV)) {
      const known = used.get(setting.name) ?? { setting, services: [] };
      known.services.push(service);
      used.set(setting.name, known);
    }
  }
  return [...used.values()];
}

function settingsTable(settings: readonly Used[], services?: (used: Used) => string): string {
  const head = ["setting", "default", "value", "meaning", ...(services ? ["services"] : [])];
  return table(
    head,
    settings.map((used) => {
      const { name, doc, form, secret } = used.setting;
      const meaning = secret ? `${doc} (secret: never logged)` : doc;
      return [`\`${name}\``, defaultOf(used.setting), formOf(form), meaning, ...(services ? [services(used)] : [])];
    }),
  );
}

function defaultOf({ default: value, defaultIs, required }: SettingDescription): string {
  if (required) return "none; required";
  if (defaultIs !== undefined) return defaultIs;
  return value === undefined || value === "" ? "" : `\`${value}\`${sizeOf(value)}`;
}

/** Patterns are code, and large numbers are sizes. */
const formOf = (form: string) =>
  form
    .replace(/^text that matches (\/.*\/)$/, (_, pattern: string) => IN_WORDS[pattern] ?? `text: \`${pattern}\``)
    .replace(/(?<=each item) matches (\/.*\/)$/, (_, pattern: string) => `: \`${pattern}\``)
    .replaceAll(/(?<= (?:from|to|least) )\d+/g, (number) => `${number}${sizeOf(number)}`);

/** " (32 MiB)" for a number of bytes in whole KiB, MiB or GiB. Other settings of this size are round decimal numbers. */
function sizeOf(value: string): string {
  const bytes = /^\d+$/.test(value) ? Number(value) : 0;
  const unit = SIZES.find(([, size]) => bytes >= size && bytes % size === 0);
  return unit === undefined ? "" : ` (${bytes / unit[1]} ${unit[0]})`;
}

/** Patterns that people would read slowly. */
const IN_WORDS: Readonly<Record<string, string>> = {
  [String(/^\//)]: "an absolute path",
  [String(/^https?:\/\/\S+$/)]: "an http or https URL",
  [String(/^https?:\/\//)]: "an http or https URL",
};

const SIZES = [
  ["GiB", 1024 ** 3],
  ["MiB", 1024 ** 2],
  ["KiB", 1024],
] as const;
