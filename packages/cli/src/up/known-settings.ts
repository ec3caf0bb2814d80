import { describeSettings, type SettingDescription } from "@ccsp/config";
import { SERVICES } from "@ccsp/fleet";
import { mayBeInFile } from "./fleet-env.js";
import { loadDefinitions } from "./services.js";

/** Settings with the same owners. */
export interface SettingGroup {
  /** `all services`, or the names of the services that read them. */
  readonly title: string;
  readonly settings: readonly SettingDescription[];
}

/** Settings of the command `ccsp up` itself. */
const OF_THE_FLEET: readonly SettingDescription[] = [
  {
    name: "CCSP_SIMULATOR",
    doc: "1: run the bundled Claude Code CLI with a simulated model, as `ccsp up --simulator` does",
    default: "0",
    required: false,
    secret: false,
  },
  {
    name: "CCSP_WITHOUT_CONSUL",
    doc: "1: start no Consul; the services find each other by fixed addresses",
    default: "0",
    required: false,
    secret: false,
  },
];

/**
 * Every setting that the settings file of a local fleet may have, grouped by the services that read it. Plugins are not
 * loaded, so their settings are not among them.
 */
export async function knownSettings(): Promise<readonly SettingGroup[]> {
  const definitions = await loadDefinitions({});
  const owners = new Map<string, string[]>();
  const described = new Map<string, SettingDescription>();
  for (const service of SERVICES) {
    for (const setting of describeSettings((reader) => definitions[service].define(reader))) {
      if (!setting.name.startsWith("CCSP_") || !mayBeInFile(setting.name)) continue;
      described.set(setting.name, setting);
      owners.set(setting.name, [...(owners.get(setting.name) ?? []), service]);
    }
  }
  const titles = new Map<string, SettingDescription[]>();
  for (const setting of described.values()) {
    const services = owners.get(setting.name) ?? [];
    const title = services.length === SERVICES.length ? "all services" : services.join(", ");
    titles.set(title, [...(titles.get(title) ?? []), setting]);
  }
  const groups = [...titles].map(([title, settings]) => ({ title, settings }));
  return [{ title: "ccsp up", settings: OF_THE_FLEET }, ...groups];
}
