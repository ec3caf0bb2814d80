import { type AuthenticationSettings, authenticationSettings } from "@ccsp/authentication";
import {
  callerUnreadBytes,
  monitorTarget,
  queueShards,
  type RedisSettings,
  redisSettings,
  type ServiceSettings,
  type Settings,
  serviceSettings,
} from "@ccsp/config";
import type { CallerBoundsOptions, ConnectionBounds } from "@ccsp/grpc-kit";
import { webhookSecretFile } from "./github-webhook/settings.js";
import { type HttpSettings, httpSettings } from "./http/settings.js";
import { type LimitSettings, limitSettings } from "./limits/settings.js";
import { type OidcSignInSettings, signInSettings } from "./sign-in/settings.js";
import { tracesUrl } from "./traces/settings.js";

export interface GatewayConfig {
  readonly service: ServiceSettings;
  readonly http: HttpSettings;
  readonly redis: RedisSettings;
  readonly targets: Readonly<Record<"queue" | "monitor" | "notification", string>>;
  readonly authentication: AuthenticationSettings;
  readonly signIn: OidcSignInSettings | undefined;
  readonly webhookSecretFile: string | undefined;
  readonly tracesUrl: string | undefined;
  readonly watchGiveUpMs: number;
  readonly callers: CallerBoundsOptions & { readonly limits: NonNullable<CallerBoundsOptions["limits"]> };
  readonly connections: ConnectionBounds;
  readonly limits: LimitSettings;
  /** The number of partitions of the event stream. */
  readonly partitions: number;
  /** The most WebSockets of one caller. */
  readonly webSocketsPerCaller: number;
}

export function define(settings: Settings): GatewayConfig {
  const service = serviceSettings(settings, { name: "gateway", grpcPort: 3000, opsPort: 9000, callers: "agents" });
  const http = httpSettings(settings, service);
  const authentication = authenticationSettings(settings);
  return {
    service,
    http,
    redis: redisSettings(settings),
    targets: {
      queue: settings.text("CCSP_QUEUE_TARGET", "gRPC target of the queue", { default: "consul:///queue" }),
      monitor: monitorTarget(settings),
      notification: settings.text("CCSP_NOTIFICATION_TARGET", "gRPC target of the notification service", {
        default: "consul:///notification",
      }),
    },
    authentication,
    signIn: signInSettings(settings, authentication, http),
    webhookSecretFile: webhookSecretFile(settings),
    tracesUrl: tracesUrl(settings),
    watchGiveUpMs: settings.durationMs(
      "CCSP_WATCH_GIVE_UP",
      "how long an agent's stream is kept while no queue replica can be reached",
      { default: "30s", min: 0 },
    ),
    limits: limitSettings(settings),
    partitions: queueShards(settings),
    webSocketsPerCaller: settings.integer(
      "CCSP_GATEWAY_CALLER_WEBSOCKETS",
      "most WebSockets that one agent or person may have open at one gateway",
      { default: 100, min: 1 },
    ),
    connections: connectionBounds(settings),
    callers: {
      unreadBytes: callerUnreadBytes(settings),
      limits: {
        unfinishedRequests: settings.integer(
          "CCSP_GATEWAY_UNFINISHED_REQUESTS",
          "most requests of one agent that are received at the same time; more wait",
          { default: 32, min: 1 },
        ),
        bodyMs: settings.durationMs("CCSP_GATEWAY_BODY_TIMEOUT", "time within which a request must arrive", {
          default: "30s",
          min: 1,
        }),
        abandonedPerSecond: settings.integer(
          "CCSP_GATEWAY_ABANDONED_CALLS",
          "calls that one agent may cancel in a second, three times as many in a burst; above this its calls are refused",
          { default: 30, min: 1 },
        ),
      },
    },
  };
}

function connectionBounds(settings: Settings): ConnectionBounds {
  return {
    streamsPerConnection: settings.integer(
      "CCSP_GATEWAY_STREAMS",
      "most calls in progress on one connection; more wait",
      { default: 2_000, min: 1 },
    ),
    connectionsPerAddress: settings.integer(
      "CCSP_GATEWAY_CONNECTIONS",
      "most connections from one address; raise it behind a proxy that opens one for each agent",
      { default: 1_000, min: 1 },
    ),
    connections: settings.integer("CCSP_GATEWAY_ALL_CONNECTIONS", "most connections, from all addresses together", {
      default: 10_000,
      min: 1,
    }),
    headerBytes: settings.integer(
      "CCSP_GATEWAY_HEADER_BYTES",
      "most bytes of the headers of a call, which contain its token",
      { default: 16 * 1024, min: 4 * 1024 },
    ),
    handshakeMs: settings.durationMs(
      "CCSP_GATEWAY_HANDSHAKE_TIMEOUT",
      "time within which a client must begin to speak, and finish the handshake of TLS",
      { default: "10s", min: 1 },
    ),
    idleMs: settings.durationMs("CCSP_GATEWAY_IDLE_TIMEOUT", "time after which a connection without calls is closed", {
      default: "5m",
      min: 1,
    }),
    ageMs: settings.durationMs(
      "CCSP_GATEWAY_CONNECTION_AGE",
      "time after which a connection takes no new calls, and clients connect again; calls in progress may be cut then",
      { default: "1d", min: 1 },
    ),
  };
}
