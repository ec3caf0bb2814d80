import { loadDefinitions, VARIABLES } from "@ccsp/cli";
import { defaultInWords, describeSettings, formInWords, type SettingDescription } from "@ccsp/config";
import { SERVICES } from "@ccsp/fleet";
import { table, withLinks } from "./markdown.js";
import { topicsOf } from "./topics.js";

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
  const section = (title: string, settings: readonly Used[]) => [
    `## ${title}`,
    "",
    ...topicsOf(settings, ({ setting }) => setting.name).flatMap(({ topic, items }) => [
      ...(topic === "" ? [] : [`### ${topic}`, ""]),
      settingsTable(items),
      "",
    ]),
  ];
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

/** Every setting of every service, with the services that read it. */
export async function usedSettings(): Promise<readonly Used[]> {
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
  const head = ["setting", "meaning", "value", "default", ...(services ? ["services"] : [])];
  return table(
    head,
    settings.map((used) => {
      const { name, doc, secret, defaultIs, required } = used.setting;
      const meaning = secret ? `${doc} (secret: never logged)` : doc;
      const fallback = defaultInWords(used.setting);
      const words = defaultIs !== undefined || required || fallback === "";
      const value = words ? fallback : fallback.replace(/^\S+/, "`$&`");
      return [
        `\`${name}\``,
        withLinks(meaning),
        formInWords(used.setting),
        value,
        ...(services ? [services(used)] : []),
      ];
    }),
  );
}
