import { type ConsulSettings, consulSettings } from "./consul-settings.js";
import type { HostPort } from "./host-port.js";
import { hostOf, isLoopback } from "./loopback.js";
import type { Settings } from "./settings.js";
import { type TlsSettings, tlsSettings } from "./tls-settings.js";

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
const LOOPBACK = "127.0.0.1";
const ANY = "0.0.0.0";

/** The settings that every service has. */
export interface ServiceSettings extends TlsSettings {
  readonly name: string;
  readonly listen: HostPort;
  readonly opsListen: HostPort;
  /** Host at which others reach this process. The service registers it in Consul. */
  readonly advertiseHost: string;
  /** Host at which Consul reaches the ops port. */
  readonly opsHost: string;
  /** Undefined: the service does not register in Consul. */
  readonly consul: ConsulSettings | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Distinguishes this process from its replicas. */
  readonly instance: string;
  readonly drainMs: number;
  readonly lameDuckMs: number;
  readonly heartbeat: HeartbeatSettings;
}

export interface HeartbeatSettings {
  readonly everyMs: number;
  /** The monitor. Undefined: no heartbeats are sent. */
  readonly target: string | undefined;
}

interface Service {
  readonly name: string;
  readonly grpcPort: number;
  readonly opsPort: number;
  /** Default: `services`. */
  readonly callers?: TlsSettings["callers"];
}

/**
 * Reads the settings that every service has. The names of the address settings contain the name of the service, so that
 * one process can run all five services. The services share the other settings. By default, every service listens only
 * on its own machine. Beyond it, a service needs TLS.
 */
export function serviceSettings(settings: Settings, service: Service): ServiceSettings {
  const prefix = `CCSP_${service.name.toUpperCase()}`;
  const listen = settings.listen(
    `${prefix}_LISTEN`,
    "address of the gRPC server: 0.0.0.0 for other machines, port 0 for a free one",
    {
      default: `${LOOPBACK}:${service.grpcPort}`,
    },
  );
  const opsListen = settings.listen(`${prefix}_OPS_LISTEN`, "address of /metrics, /health and /ready", {
    default: `${LOOPBACK}:${service.opsPort}`,
  });
  const consul = consulSettings(settings);
  const advertised = settings.optionalText(
    "CCSP_ADVERTISE_HOST",
    `host by which others reach this process; unset: the listen host, or ${LOOPBACK} for a wildcard`,
    // A list, such as `hostname -i` prints on a host with two networks, would let every caller wait for its deadline.
    { pattern: /^[^\s,/]+$/, form: "one host name or address" },
  );
  const advertiseHost = advertised ?? (isWildcard(listen.host) ? LOOPBACK : listen.host);
  const opsHost = isWildcard(opsListen.host) ? advertiseHost : opsListen.host;
  if (consul !== undefined && isLoopback(advertiseHost) && !isLoopback(hostOf(consul.url))) {
    settings.warn(
      `registers as ${advertiseHost} with a Consul on another host, where that name means the other host: set CCSP_ADVERTISE_HOST`,
    );
  }
  if (consul !== undefined && isLoopback(opsListen.host) && !isLoopback(hostOf(consul.url))) {
    settings.warn(
      `a Consul on another machine cannot ask /ready on ${opsListen.host}, and lists nothing that does not answer: set ${prefix}_OPS_LISTEN, to ${ANY}:${opsListen.port} perhaps`,
    );
  }
  if (isLoopback(listen.host) && !isLoopback(advertiseHost)) {
    settings.warn(
      `other services get the address ${advertiseHost}, but nothing listens there: set ${prefix}_LISTEN, for example to ${ANY}:${listen.port}`,
    );
  }
  const tls = tlsSettings(settings, { ...service, prefix, listen });
  return {
    name: service.name,
    listen,
    ...tls,
    opsListen,
    advertiseHost,
    opsHost,
    consul,
    logLevel: settings.oneOf("CCSP_LOG_LEVEL", "least severe level to log", LOG_LEVELS, { default: "info" }),
    instance:
      settings.optionalText(
        "CCSP_INSTANCE",
        "name of this process among its replicas; unset: host name and process id",
        {
          pattern: /^[\w.-]{1,128}$/,
          form: "at most 128 letters, digits and _.-",
        },
      ) ?? service.name,
    drainMs: settings.durationMs(
      "CCSP_DRAIN_TIMEOUT",
      "time within which running calls may end when the process stops",
      {
        default: "20s",
      },
    ),
    lameDuckMs: settings.durationMs("CCSP_LAME_DUCK", "time between NOT_SERVING and the first refused call", {
      default: "500ms",
    }),
    heartbeat: heartbeatSettings(settings, { consul: consul !== undefined, ...service }),
  };
}

/** gRPC target of the monitor. Several parts read this setting. */
export const monitorTarget = (settings: Settings): string =>
  settings.text("CCSP_MONITOR_TARGET", "gRPC target of the monitor", { default: MONITOR });

const MONITOR = "consul:///monitor";

/** The monitor takes its own heartbeats, without a call. */
function heartbeatSettings(
  settings: Settings,
  { name, consul }: { readonly name: string; readonly consul: boolean },
): HeartbeatSettings {
  const everyMs = settings.durationMs(
    "CCSP_HEARTBEAT",
    "time between the reports of this process to the monitor; 0s: none, and `ccsp fleet` does not show it",
    { default: "30s", max: 30_000 },
  );
  const target = name === "monitor" ? undefined : monitorTarget(settings);
  const findable = target !== undefined && (consul || target !== MONITOR);
  return { everyMs, target: everyMs > 0 && findable ? target : undefined };
}

/** For the services that send agents what they watch. */
export function callerUnreadBytes(settings: Settings): number {
  return settings.integer(
    "CCSP_CALLER_UNREAD_BYTES",
    "most bytes of large answers that one agent has not read; more answers wait",
    { default: 32 * 1024 * 1024, min: 1024 * 1024 },
  );
}

/**
 * Number of shards of the queue, and of partitions of its events. All services of an installation need the same number.
 */
export function queueShards(settings: Settings): number {
  return settings.integer(
    "CCSP_QUEUE_SHARDS",
    'shards of the queue, the same for all services (docs/queue-operations.md, "Shards")',
    {
      default: 1,
      min: 1,
      max: 64,
    },
  );
}

function isWildcard(host: string): boolean {
  return host === ANY || host === "::";
}
