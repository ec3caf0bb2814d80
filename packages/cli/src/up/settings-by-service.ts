import { namesFor } from "@ccsp/config";
import { SERVICES, type ServiceName } from "@ccsp/fleet";
import { loadDefinitions } from "./services.js";

type Values = Readonly<Record<string, string>>;
export type SettingsByService = Readonly<Partial<Record<ServiceName, Values>>>;

const EVERYBODYS = /^OTEL_/;

/**
 * Divides these settings among the services. Each service gets only its own settings, so that no other service has a
 * provider's key or the secret of tokens. Settings that no service knows go to the executors, because only executors
 * load plugins with their own settings. All services get the settings of OpenTelemetry.
 */
export async function settingsByService(settings: Values): Promise<SettingsByService> {
  // Loads the executor without its plugins: their code must not run in this process.
  const definitions = await loadDefinitions({});
  const services = SERVICES.map((service) => {
    const names = namesFor(settings, (reader) => definitions[service].define(reader));
    return { service, names: new Set(names) };
  });
  const isKnown = (name: string) => services.some(({ names }) => names.has(name));
  const isFor = ({ service, names }: (typeof services)[number], name: string) =>
    names.has(name) || EVERYBODYS.test(name) || (service === "executor" && !isKnown(name));
  return Object.fromEntries(
    services.map((each) => [
      each.service,
      Object.fromEntries(Object.entries(settings).filter(([name]) => isFor(each, name))),
    ]),
  );
}
