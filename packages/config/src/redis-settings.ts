import { parseHostPort } from "./host-port.js";
import { isLoopback } from "./loopback.js";
import type { Settings } from "./settings.js";

/** Where Redis is, and how this process proves who it is there. */
export interface RedisSettings {
  /** The forms are in packages/redis-kit/README.md. It may contain a password. */
  readonly url: string;
  /** `user:password` for the Sentinels, percent-encoded as in a URL. Undefined: they are asked without a login. */
  readonly sentinelLogin?: string | undefined;
  /** PEM file with the authorities that may have signed the certificate of Redis. Undefined: those of the system. */
  readonly caFile?: string | undefined;
  /** Folder with `tls.crt` and `tls.key`, the certificate of this process, and with `ca.crt` if there is no `caFile`. */
  readonly tlsDir?: string | undefined;
}

const SCHEME = /^(redis|rediss)(\+sentinel|\+cluster)?:\/\//;

/** The settings of Redis, for the services that use it. */
export function redisSettings(settings: Settings): RedisSettings {
  const url = settings.text(
    "CCSP_REDIS_URL",
    "Redis: redis://user:password@host, redis+sentinel://h1,h2/master or redis+cluster://h1,h2; with TLS rediss://, rediss+sentinel:// or rediss+cluster://",
    {
      default: "redis://127.0.0.1:6379",
      pattern: /^rediss?(\+sentinel|\+cluster)?:\/\/\S+$/,
      form: "a URL",
      secret: true,
    },
  );
  const sentinelLogin = settings.optionalText(
    "CCSP_REDIS_SENTINEL_LOGIN",
    "login for Redis Sentinels that ask for one, percent-encoded as in a URL",
    { pattern: /^[^:@\s]*:[^:@\s]+$/, form: "user:password, or :password", secret: true },
  );
  const caFile = settings.optionalText(
    "CCSP_REDIS_CA_FILE",
    "PEM file with the authorities of Redis' certificate; unset: ca.crt of CCSP_REDIS_TLS_DIR, or those of the system",
  );
  const tlsDir = settings.optionalText(
    "CCSP_REDIS_TLS_DIR",
    "folder with tls.crt and tls.key (and ca.crt), for a Redis that asks its clients for a certificate",
  );
  const [, scheme] = SCHEME.exec(url) ?? [];
  if (scheme === "redis" && (caFile ?? tlsDir) !== undefined) {
    settings.fault("CCSP_REDIS_CA_FILE and CCSP_REDIS_TLS_DIR need TLS: write rediss:// in CCSP_REDIS_URL");
  }
  if (scheme === "redis" && url.includes("@") && hostsOf(url).some((host) => !isLoopback(host))) {
    settings.warn(
      "the password of Redis crosses the network in plain text, as do all prompts and answers: write rediss:// in CCSP_REDIS_URL",
    );
  }
  return { url, sentinelLogin, caFile, tlsDir };
}

function hostsOf(url: string): string[] {
  const [hosts = ""] = url.replace(/^.*@/, "").split("/");
  return hosts.split(",").map((host) => parseHostPort(host, { defaultPort: 1 })?.host ?? host);
}
