import { type Env, parseDuration } from "@ccsp/config";

/** Settings that belong to one replica, or that the fleet itself sets. */
const NOT_SHARED = /_LISTEN$|^CCSP_(INSTANCE|EXECUTOR_ID|EXECUTOR_DIR|REDIS_URL|CONSUL_URL)$|^OTEL_SERVICE_NAME$/;
/** Settings of the command itself. Services must not get a person's token. */
const COMMANDS_OWN =
  /^CCSP_(TOKEN|GATEWAY|CA_FILE|OPERATOR_TLS_DIR|STATE_DIR|LIVE|WITHOUT_CONSUL|SIMULATOR|START_LIMIT)$/;

/**
 * The part of the caller's environment that services may get: `CCSP_*` and `OTEL_*` settings and nothing else. Each
 * service then gets only its own settings.
 */
export function sharedSettings(env: Env): Record<string, string> {
  return pick(env, (name) => /^(CCSP|OTEL)_/.test(name) && !NOT_SHARED.test(name) && !COMMANDS_OWN.test(name));
}

const [SHORTEST_LIMIT_MS, LONGEST_LIMIT_MS] = [1_000, 86_400_000];

/** How long no part may make progress while a fleet starts. Throws an error that names the setting. */
export function startLimitMs(env: Env): number {
  const text = env["CCSP_START_LIMIT"]?.trim() || "1m";
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= SHORTEST_LIMIT_MS && ms <= LONGEST_LIMIT_MS) return ms;
  throw new Error(`CCSP_START_LIMIT must be a time from 1s to 1d, such as 5m, not "${text}"`);
}

/**
 * Whether the settings file of a local fleet may have a setting of a service: the fleet does not set it itself. The
 * settings of tokens are not among them, because other commands need them too and read only the environment.
 */
export const mayBeInFile = (name: string): boolean =>
  /^CCSP_(REDIS_URL|CONSUL_URL|GATEWAY_LISTEN|GATEWAY_HTTP_LISTEN)$/.test(name) ||
  !(NOT_SHARED.test(name) || /^CCSP_JWT_|_TARGET$|^CCSP_(ADVERTISE_HOST|EXECUTOR_ALLOWED_ROOTS_FILE)$/.test(name));

/** The part of the environment that a fleet in the background needs. */
export function backgroundEnv(env: Env): Record<string, string> {
  const own = [
    "PATH",
    "HOME",
    "XDG_STATE_HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "CONSUL_BIN",
    "REDIS_SERVER_BIN",
  ];
  return pick(env, (name) => own.includes(name) || (/^(CCSP|OTEL)_/.test(name) && name !== "CCSP_TOKEN"));
}

function pick(env: Env, wanted: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && wanted(name) ? [[name, value]] : [])),
  );
}
