import { type ConsulSettings, findExecutable, type RedisSettings } from "@ccsp/config";
import { takenPorts, whyNoRedis } from "@ccsp/fleet";
import { consulOf, redisOf } from "../connection/named-stores.js";
import { CliError, EXIT, messageOf } from "../process/exit.js";
import { gatewayHttpListen, gatewayListen } from "./certificates.js";
import type { FleetSettings } from "./check-settings.js";
import { bundledCli } from "./engine.js";
import { startLimitMs } from "./fleet-env.js";
import { askServices } from "./services-thread.js";

export interface StartChecks extends FleetSettings {
  readonly ports: "default" | "free";
  /** Says where a setting is, such as `settings.env, line 3`. Undefined for the environment. */
  readonly whereIs: (name: string) => string | undefined;
}

/**
 * Finds what would fail later anyway, before anything starts: every fault of every service's settings, an engine or a
 * redis-server that is not there, ports that other programs have, a Redis or a Consul that does not answer. Throws one
 * error with all of them. Returns the warnings of the services.
 */
export async function checkStart(checks: StartChecks): Promise<readonly string[]> {
  const { state, settings, env, certificates } = checks;
  const services = await askServices("checked", { state, settings, env, certificates });
  const [taken, away] = await Promise.all([
    checks.ports === "default"
      ? takenPorts({ grpc: gatewayListen(checks.env)?.port, http: gatewayHttpListen(checks.env)?.port })
      : [],
    services.faults.length === 0 ? whoDoesNotAnswer(checks.env) : [], // a faulty URL cannot be asked
  ]);
  const faults = [
    ...services.faults.map((fault) => located(fault, checks.whereIs)),
    ...(await engineFaults(checks)),
    ...redisFaults(checks),
    ...limitFaults(checks),
    ...(taken.length > 0
      ? [`other programs listen on ${taken.join(", ")}: stop them, or start the fleet with --ports free`]
      : []),
  ];
  if (faults.length + away.length === 0) return services.warnings;
  const code = faults.length > 0 ? EXIT.usage : EXIT.unavailable;
  const [first = "", ...more] = [...faults, ...away];
  if (more.length === 0) throw new CliError(code, `the fleet cannot start: ${first}`);
  const lines = [first, ...more].map((fault) => `  ${fault}`);
  throw new CliError(code, `the fleet cannot start, for ${lines.length} reasons:`, lines);
}

/** The executor checks its engine when it opens it. To see this before takes no process. */
export async function engineFaults({
  settings,
  env,
}: Pick<StartChecks, "settings" | "env">): Promise<readonly string[]> {
  const engines = (settings["CCSP_EXECUTOR_ENGINES"]?.trim() || "claude-code").split(",").map((name) => name.trim());
  const named = settings["CCSP_CLAUDE_CODE_BIN"]?.trim();
  if (!engines.includes("claude-code") || findExecutable(named || "claude", env["PATH"] ?? "")) return [];
  if (!named) {
    const missing = "there is no `claude` on PATH for the executor to run. Install the Claude Code CLI";
    if ((await bundledCli()) === "") {
      return [`${missing} (npm install -g @anthropic-ai/claude-code), or name it in CCSP_CLAUDE_CODE_BIN`];
    }
    return [
      `${missing}, name it in CCSP_CLAUDE_CODE_BIN, ` +
        "or try CCSP out with the bundled CLI and a simulated model: `ccsp up --simulator` (make up UP=--simulator)",
    ];
  }
  const where = named.includes("/") ? "is not an executable file" : "is not on PATH";
  return [`CCSP_CLAUDE_CODE_BIN names ${named}, which ${where}: name the Claude Code CLI`];
}

/** The fleet looks for the program only when it starts its Redis. */
function redisFaults({ env }: StartChecks): readonly string[] {
  const why = env["CCSP_REDIS_URL"] ? undefined : whyNoRedis(env);
  return why === undefined ? [] : [why];
}

function limitFaults({ env }: StartChecks): readonly string[] {
  try {
    startLimitMs(env);
    return [];
  } catch (error) {
    return [messageOf(error)];
  }
}

const ANSWER_MS = 1_500;

async function whoDoesNotAnswer(env: StartChecks["env"]): Promise<readonly string[]> {
  const [redis, consul] = [redisOf(env), consulOf(env)];
  const asked = await Promise.all([redis && askRedis(redis), consul && askConsul(consul)]);
  return asked.filter((fault) => fault !== undefined);
}

async function askRedis(settings: RedisSettings): Promise<string | undefined> {
  const [{ openRedis }, { pino }] = await Promise.all([import("@ccsp/redis-kit"), import("pino")]);
  try {
    const redis = await openRedis(settings, { log: pino({ level: "silent" }), name: "ccsp-up", startMs: ANSWER_MS });
    await redis.close();
    return undefined;
  } catch (error) {
    return `CCSP_REDIS_URL: ${messageOf(error)}. Start that Redis, or unset the setting: then the fleet starts its own`;
  }
}

async function askConsul(consul: ConsulSettings): Promise<string | undefined> {
  const { findInstances } = await import("@ccsp/discovery");
  try {
    await findInstances({ consul, name: "queue" });
    return undefined;
  } catch (error) {
    return `CCSP_CONSUL_URL: ${messageOf(error)}. Start that Consul, or unset the setting`;
  }
}

/** Adds where a setting comes from that a fault begins with. */
function located(fault: string, whereIs: StartChecks["whereIs"]): string {
  const [name = ""] = /^\w+/.exec(fault) ?? [];
  const where = whereIs(name);
  return where === undefined ? fault : `${fault} (${where})`;
}
