import { execFile } from "node:child_process";
import { join } from "node:path";
import { ConfigError, type Env, load } from "@ccsp/config";
import { INHERITED, SERVICES, type ServiceName, serviceProgram, targetsFor, USE_REDIS } from "@ccsp/fleet";
import { ROOT, type StateDir } from "../local-fleet/state.js";
import { type SettingsByService, settingsByService } from "./settings-by-service.js";

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
  const byService = await settingsByService(settings);
  const faults = new Set<string>();
  const warnings = new Set<string>();
  for (const name of SERVICES) {
    const values = { ...fleetsOwn(name, state, env), ...certificates[name], ...byService[name] };
    const asks = NEED_OWN_PROCESS[name]?.some((setting) => (byService[name]?.[setting] ?? "").trim() !== "") ?? false;
    // This process does not know the settings of an executor's plugins.
    const found = asks && name === "executor" ? NOTHING : await checkService(name, values);
    const more = asks && found.faults.length === 0 ? await askService(name, values) : NOTHING;
    for (const fault of [...found.faults, ...more.faults]) faults.add(fault);
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
    ...having(INHERITED, env),
    ...(redisUrl && USE_REDIS.includes(name) && { CCSP_REDIS_URL: redisUrl }),
    ...(env["CCSP_CONSUL_URL"] && { CCSP_CONSUL_URL: env["CCSP_CONSUL_URL"] }),
    ...(name === "gateway" && having(LISTENING, env)),
    ...(name === "executor" && { CCSP_EXECUTOR_ID: "executor-1", CCSP_EXECUTOR_DIR: join(dataDir, "executor-1") }),
    ...targetsFor(name, () => [1]),
  };
}

/** The settings of a person that say where gateways listen. */
const LISTENING = ["CCSP_GATEWAY_LISTEN", "CCSP_GATEWAY_HTTP_LISTEN"];

const having = (names: readonly string[], env: Env): Values =>
  Object.fromEntries(
    names.flatMap((name) => {
      const value = env[name];
      return value ? [[name, value]] : [];
    }),
  );

/** It takes about a second. */
const CHECK_MS = 30_000;

const NOTHING: SettingsFound = { faults: [], warnings: [] };

/**
 * Settings that name code or files. Only a process of the service itself may load them, because that code must not run
 * in this process.
 */
const NEED_OWN_PROCESS: Partial<Record<ServiceName, readonly string[]>> = {
  executor: ["CCSP_EXECUTOR_ENGINE_PLUGINS", "CCSP_EXECUTOR_HOOKS"],
  notification: ["CCSP_NOTIFICATION_CHANNELS", "CCSP_NOTIFICATION_TEMPLATES", "CCSP_NOTIFICATION_PLUGINS"],
};

const askService = async (name: ServiceName, values: Values): Promise<SettingsFound> => ({
  faults: await faultsOf(serviceProgram(join(ROOT, "services", name)), values),
  warnings: [],
});

/**
 * What a program says against its settings. A plugin may never settle, or end the program without a word. `program` has
 * the arguments of Node, the last one is its file.
 */
export function faultsOf(program: readonly string[], values: Values, mostMs = CHECK_MS): Promise<string[]> {
  // A relative path is the same as for the service.
  const options = { env: { ...values }, cwd: ROOT, timeout: mostMs, killSignal: "SIGKILL" } as const;
  return new Promise((resolve) => {
    execFile(process.execPath, [...program, "--check-config"], options, (error, _stdout, stderr) => {
      if (!error) return resolve([]);
      const lines = stderr.split("\n").flatMap((line) => line.trim() || []);
      const said = lines.slice(lines.length > 1 ? 1 : 0);
      const silent = typeof error.code === "number" ? `ended with code ${error.code} and said nothing` : error.message;
      const why = error.killed ? `did not end within ${mostMs / 1_000} s` : silent;
      if (error.killed || said.length === 0) said.unshift(`${program.at(-1)} --check-config: ${why}`);
      resolve(said);
    });
  });
}
