import { execFile } from "node:child_process";
import { join } from "node:path";
import { ConfigError, type Env, load } from "@ccsp/config";
import { SERVICES, type ServiceName, targetsFor, USE_REDIS } from "@ccsp/fleet";
import { ROOT, type StateDir } from "../local-fleet/state.js";
import type { SettingsByService } from "./settings-by-service.js";

type Values = Readonly<Record<string, string>>;

export interface FleetSettings {
  readonly state: StateDir;
  /** The settings of all services. */
  readonly settings: Values;
  /** The environment of the command, with the settings file. */
  readonly env: Env;
  /** The settings that name the certificates of each service. */
  readonly certificates: SettingsByService;
}

/** Checks the settings of each service of a local fleet, as the service does when it starts. */
export async function checkFleetSettings({
  state,
  settings,
  env,
  certificates,
}: FleetSettings): Promise<SettingsFound> {
  const { settingsByService } = await import("./settings-by-service.js");
  const byService = await settingsByService(settings);
  const faults = new Set<string>();
  const warnings = new Set<string>();
  for (const name of SERVICES) {
    const values = { ...fleetsOwn(name, state, env), ...certificates[name], ...byService[name] };
    const found =
      hasPlugins(byService) && name === "executor" ? await askExecutor(values) : await checkService(name, values);
    for (const fault of found.faults) faults.add(fault);
    for (const warning of found.warnings) warnings.add(warning);
  }
  return { faults: [...faults], warnings: [...warnings] };
}

/** What is wrong with settings, one sentence each. */
export interface SettingsFound {
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** Checks the settings of one service. Its plugins are not loaded. */
export async function checkService(name: ServiceName, values: Values): Promise<SettingsFound> {
  const { loadDefinitions } = await import("./services.js");
  const definitions = await loadDefinitions({});
  try {
    const { warnings } = load(values, (settings) => definitions[name].define(settings));
    return { faults: [], warnings };
  } catch (error) {
    if (error instanceof ConfigError) return { faults: error.faults, warnings: [] };
    throw error;
  }
}

/** What the fleet sets for each replica, as far as a check depends on it. */
function fleetsOwn(name: ServiceName, { dataDir }: StateDir, env: Env): Values {
  const redisUrl = env["CCSP_REDIS_URL"];
  return {
    PATH: env["PATH"] ?? "",
    ...(redisUrl && USE_REDIS.includes(name) && { CCSP_REDIS_URL: redisUrl }),
    ...(env["CCSP_CONSUL_URL"] && { CCSP_CONSUL_URL: env["CCSP_CONSUL_URL"] }),
    ...(name === "gateway" && listening(env)),
    ...(name === "executor" && { CCSP_EXECUTOR_ID: "executor-1", CCSP_EXECUTOR_DIR: join(dataDir, "executor-1") }),
    ...targetsFor(name, () => [1]),
  };
}

/** The settings of a person that say where gateways listen. */
function listening(env: Env): Values {
  const names = ["CCSP_GATEWAY_LISTEN", "CCSP_GATEWAY_HTTP_LISTEN"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value ? [[name, value]] : [];
    }),
  );
}

const hasPlugins = ({ executor = {} }: SettingsByService): boolean =>
  ["CCSP_EXECUTOR_ENGINE_PLUGINS", "CCSP_EXECUTOR_HOOKS"].some((name) => (executor[name] ?? "").trim() !== "");

/** The code of plugins must not run in this process, so the executor checks its settings in a process of its own. */
function askExecutor(values: Values): Promise<SettingsFound> {
  const program = join(ROOT, "services", "executor", "dist", "main.js");
  return new Promise((resolve) => {
    execFile(process.execPath, [program, "--check-config"], { env: { ...values } }, (error, _stdout, stderr) => {
      const lines = stderr.trim().split("\n");
      const faults = lines.slice(lines.length > 1 ? 1 : 0).map((line) => line.trim());
      resolve({ faults: error ? faults : [], warnings: [] });
    });
  });
}
