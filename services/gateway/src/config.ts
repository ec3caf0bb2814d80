import { callerUnreadBytes, type ServiceSettings, type Settings, serviceSettings } from "@ccsp/config";
import type { Strangers } from "@ccsp/grpc-kit";
import { type KeySettings, MIN_SECRET_BYTES } from "./auth/token-keys.js";

export interface GatewayConfig {
  readonly service: ServiceSettings;
  readonly queueTarget: string;
  readonly keys: KeySettings;
  readonly audience: string;
  readonly issuer: string | undefined;
  readonly watchGiveUpMs: number;
  readonly callerUnreadBytes: number;
  readonly limits: Strangers;
}

export function define(settings: Settings): GatewayConfig {
  return {
    service: serviceSettings(settings, { name: "gateway", grpcPort: 3000, opsPort: 9000 }),
    queueTarget: settings.text("CCSP_QUEUE_TARGET", "gRPC target of the queue", { default: "consul:///queue" }),
    keys: defineKeys(settings),
    audience: settings.text("CCSP_JWT_AUDIENCE", "`aud` that a token must have", { default: "ccsp" }),
    issuer: settings.optionalText("CCSP_JWT_ISSUER", "`iss` that a token must have; unset: any"),
    watchGiveUpMs: settings.durationMs(
      "CCSP_WATCH_GIVE_UP",
      "how long an agent's stream is kept while no queue replica can be reached",
      { default: "30s", min: 0 },
    ),
    callerUnreadBytes: callerUnreadBytes(settings),
    limits: {
      streamsPerConnection: settings.integer(
        "CCSP_GATEWAY_STREAMS",
        "most calls in progress on one connection; more wait",
        {
          default: 2_000,
          min: 1,
        },
      ),
      connectionsPerAddress: settings.integer(
        "CCSP_GATEWAY_CONNECTIONS",
        "most connections from one address; raise it behind a proxy that opens one for each agent",
        { default: 1_000, min: 1 },
      ),
      perCaller: {
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

function defineKeys(settings: Settings): KeySettings {
  const secret = settings.optionalText("CCSP_JWT_SECRET", "secret of HS256 tokens, at least 32 bytes", {
    secret: true,
  });
  const secretFile = settings.optionalText("CCSP_JWT_SECRET_FILE", "file with the secret of HS256 tokens");
  const jwksFile = settings.optionalText("CCSP_JWT_JWKS_FILE", "file with the key set of EdDSA and RS256 tokens");
  const jwksUrl = settings.optionalText("CCSP_JWT_JWKS_URL", "address of the key set of EdDSA and RS256 tokens", {
    pattern: /^https?:\/\//,
  });
  if ([secret, secretFile, jwksFile, jwksUrl].every((source) => source === undefined)) {
    settings.fault(
      "no key to verify tokens with: set CCSP_JWT_SECRET_FILE, CCSP_JWT_SECRET, CCSP_JWT_JWKS_FILE or CCSP_JWT_JWKS_URL",
    );
  }
  const bytes = Buffer.byteLength(secret ?? "");
  if (secret !== undefined && bytes < MIN_SECRET_BYTES) {
    settings.fault(`CCSP_JWT_SECRET holds ${bytes} bytes; HS256 needs at least ${MIN_SECRET_BYTES}`);
  }
  if (secret !== undefined && secretFile !== undefined) {
    settings.warn("CCSP_JWT_SECRET and CCSP_JWT_SECRET_FILE are both set: the file is not read");
  }
  if (jwksFile !== undefined && jwksUrl !== undefined) {
    settings.warn("CCSP_JWT_JWKS_FILE and CCSP_JWT_JWKS_URL are both set: the file is not read");
  }
  if (jwksUrl?.startsWith("http://")) {
    settings.warn("CCSP_JWT_JWKS_URL is plain http: anyone who can change its answer can sign tokens");
  }
  return { secret, secretFile, jwksFile, jwksUrl };
}
