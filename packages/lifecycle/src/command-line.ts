import {
  ConfigError,
  describeSettings,
  type Env,
  load,
  type ServiceSettings,
  type SettingDescription,
} from "@ccsp/config";
import type { ServiceDefinition } from "./definition.js";

/** The result of a command line: a text to print and an exit code, or a configuration to run with. */
export type Command<C> =
  | { readonly kind: "print"; readonly stdout: string; readonly stderr: string; readonly code: 0 | 2 }
  | { readonly kind: "run"; readonly config: C; readonly warnings: readonly string[] };

const USAGE = "[--help | --check-config]";

/** Decides what a service does with these arguments and this environment. `--check-config` reads the files they name. */
export async function readCommand<C extends { readonly service: ServiceSettings }>(
  service: ServiceDefinition<C>,
  args: readonly string[],
  env: Env,
): Promise<Command<C>> {
  if (args.includes("--help") || args.includes("-h")) return print(helpText(service), 0);
  const unknown = args.find((arg) => arg !== "--check-config");
  if (unknown !== undefined) {
    return complain(
      `${service.name}: unknown argument ${unknown}; expected ${USAGE}. Settings come from the environment.`,
    );
  }
  try {
    const { config, warnings } = load(env, (settings) => service.define(settings));
    if (!args.includes("--check-config")) return { kind: "run", config, warnings };
    const fault = await service.check?.(config).then(() => undefined, messageOf);
    if (fault !== undefined) return complain(`${service.name}: ${fault}`);
    return print([...warnings.map((warning) => `warning: ${warning}`), "configuration is valid"].join("\n"), 0);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return complain(`${service.name}: ${error.message}`);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

function print(text: string, code: 0): Command<never> {
  return { kind: "print", stdout: `${text}\n`, stderr: "", code };
}

function complain(text: string): Command<never> {
  return { kind: "print", stdout: "", stderr: `${text}\n`, code: 2 };
}

function helpText<C extends { readonly service: ServiceSettings }>(service: ServiceDefinition<C>): string {
  const settings = describeSettings((reader) => service.define(reader));
  return [
    `ccsp ${service.name}: ${service.summary}`,
    "",
    `Usage, in services/${service.name}: node --import @ccsp/telemetry/register.js dist/main.js ${USAGE}`,
    "",
    "  --help          print this",
    "  --check-config  read the settings and the files that they name, report every fault, and exit: 0 when they are valid, else 2",
    "",
    "Settings, from the environment:",
    "",
    ...table(settings.map((setting) => [setting.name, defaultOf(setting), setting.doc])),
    "",
    `Traces go where OTEL_EXPORTER_OTLP_ENDPOINT points, as ccsp-${service.name} or under the name in OTEL_SERVICE_NAME.`,
    "SIGTERM and SIGINT stop in order; a second one exits at once.",
  ].join("\n");
}

function defaultOf(setting: SettingDescription): string {
  if (setting.required) return "(required)";
  return setting.default === undefined || setting.default === "" ? "-" : setting.default;
}

/** Formats rows as aligned columns. Each column is as wide as its widest cell, and the last column is not padded. */
function table(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  return rows.map((row) =>
    `  ${row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(width(column)))).join("  ")}`.trimEnd(),
  );
}
