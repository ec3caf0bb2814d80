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

/** Settings that `ccsp up` reads itself, or that mean something else to a local fleet. */
const OF_THE_FLEET: readonly SettingDescription[] = [
  own("CCSP_SIMULATOR", "1: run the Claude Code CLI with a simulated model, as `ccsp up --simulator` does", "0"),
  own("CCSP_WITHOUT_CONSUL", "1: start no Consul; the services find each other by fixed addresses", "0"),
  own("CCSP_START_LIMIT", "how long no part may make progress while the fleet starts; then ccsp up gives up", "1m"),
  own("CCSP_REDIS_URL", "use this Redis; unset: the fleet starts its own, with its data in the fleet's folder"),
  own(
    "CCSP_GATEWAY_LISTEN",
    "where agents reach the gateway: 0.0.0.0:3000 for other machines, by TLS with a certificate of the fleet's CA",
    "127.0.0.1:3000",
  ),
  own("CCSP_GATEWAY_HTTP_LISTEN", "where the dashboard and REST are, in the same form", "127.0.0.1:8080"),
  own("CCSP_CONSUL_URL", "use this Consul; unset: the fleet starts its own"),
];

function own(name: string, doc: string, value = ""): SettingDescription {
  return { name, doc, form: "text", default: value, defaultIs: undefined, required: false, secret: false };
}

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
      if (OF_THE_FLEET.some(({ name }) => name === setting.name)) continue;
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
