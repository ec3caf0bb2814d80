import type { Client } from "@ccsp/grpc-kit";
import type { NotificationServiceService } from "@ccsp/protos/ccsp/notification/v1/notification_service.js";
import type { RedisConnection } from "@ccsp/redis-kit";
import type { Logger } from "pino";
import type { GatewayConfig } from "./config.js";
import { createDeliveries } from "./github-webhook/deliveries.js";
import { githubWebhook, readWebhookSecret } from "./github-webhook/github-webhook.js";
import type { Slice } from "./http/register.js";
import type { Live } from "./live/live.js";
import { registerLive } from "./live/register.js";
import { registerRest } from "./rest/rest.js";
import { createOneTimeCodes } from "./sign-in/one-time-codes.js";
import { signIn } from "./sign-in/sign-in.js";
import { v1 } from "./v1/v1.js";
import { dashboardFolder, web } from "./web/web.js";

export interface HttpSliceOptions {
  readonly config: GatewayConfig;
  readonly redis: Pick<RedisConnection, "client">;
  readonly notification: Client<NotificationServiceService>;
  readonly live: Live;
  readonly log: Logger;
}

/** What the HTTP server serves, in the order of registration. Rejects if a file that a setting names cannot be read. */
export async function httpSlices({ config, redis, notification, live, log }: HttpSliceOptions): Promise<Slice[]> {
  // Its libraries take 0.1 s and 20 MB to load.
  const oidc = config.signIn && (await (await import("./sign-in/oidc.js")).createOidcSignIn(config.signIn));
  const secret = config.webhookSecretFile && (await readWebhookSecret(config.webhookSecretFile));
  const slices: Slice[] = [
    registerRest,
    (app, deps) => signIn(app, deps, { oidc, codes: createOneTimeCodes(redis.client), traceUrl: config.http.traceUrl }),
    (app) => registerLive(app, { live, log }),
  ];
  for (const prefix of ["/api/v1", ...(config.http.oldPaths ? ["/api/ccsp"] : [])])
    slices.push((app, deps) => v1(app, deps, { prefix }));
  if (secret) {
    const webhook = { secret, deliveries: createDeliveries(redis.client), issueChanged: notification.issueChanged };
    slices.push((app) => githubWebhook(app, webhook));
  }
  // Last, because it answers every path that nothing else serves.
  slices.push((app) => web(app, { folder: dashboardFolder() }));
  return slices;
}
