import { readFile } from "node:fs/promises";
import { createAppAuth } from "@octokit/auth-app";
import { Octokit as Core } from "@octokit/core";
import { restEndpointMethods } from "@octokit/plugin-rest-endpoint-methods";
import { retry } from "@octokit/plugin-retry";
import { throttling } from "@octokit/plugin-throttling";
import { RequestError } from "@octokit/request-error";
import { type ChannelContext, DeliveryError } from "../../domain/channel.js";

const Octokit = Core.plugin(restEndpointMethods, retry, throttling);
export type Client = InstanceType<typeof Octokit>;

/** The repository that has the issues. */
export interface Place {
  readonly owner: string;
  readonly repo: string;
}

export interface OctokitSettings {
  readonly tokenFile: string | undefined;
  readonly app:
    | { readonly appId: number; readonly installationId: number; readonly privateKeyFile: string }
    | undefined;
  readonly baseUrl: string;
  readonly throttle: boolean;
}

/**
 * Opens a client of GitHub's API. Rejects if the credentials cannot be read. Reads are tried again at once by Octokit. Writes are not: only the channel knows how
 * to find out whether a write has happened. A limit ends the request, because the queue waits better than a request.
 */
export async function openOctokit(
  { tokenFile, app, baseUrl, throttle }: OctokitSettings,
  context: ChannelContext,
): Promise<Client> {
  const { fetch } = context;
  const quiet = (): void => undefined;
  const octokit = new Octokit({
    baseUrl,
    userAgent: "ccsp-notification",
    request: { fetch },
    retry: { doNotRetry: [400, 401, 403, 404, 410, 422, 429, 451], retries: 2 },
    throttle: { enabled: throttle, onRateLimit: () => false, onSecondaryRateLimit: () => false },
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
  });
  const keyOf = async (path: string): Promise<string> => {
    try {
      return (await readFile(path, "utf8")).trim();
    } catch (cause) {
      throw new DeliveryError("refused", `the credentials of GitHub cannot be read from ${path}`, undefined, cause);
    }
  };
  await keyOf(tokenFile ?? app?.privateKeyFile ?? "");
  octokit.hook.before("request", async (options) => {
    // The key of an app is asked for by requests of its own.
    if (options.headers.authorization !== undefined) return;
    if (tokenFile !== undefined) options.headers.authorization = `token ${await keyOf(tokenFile)}`;
    if (app !== undefined) {
      const { appId, installationId, privateKeyFile } = app;
      const auth = createAppAuth({
        ...{ appId, installationId, privateKey: await keyOf(privateKeyFile), cache: tokens },
        request: octokit.request.defaults({ request: { fetch } }),
      });
      const { token } = await auth({ type: "installation" });
      options.headers.authorization = `token ${token}`;
    }
  });
  // Octokit takes a redirect for a success. It is not followed here: see `failUnlessOk`.
  octokit.hook.after("request", (response, options) => {
    if (response.status < 300) return;
    const text = "a redirect, which is not followed";
    throw new RequestError(text, response.status, { request: { ...options, headers: {} }, response });
  });
  /** The tokens of the installation, which GitHub lets live for an hour. */
  const kept = new Map<string, string>();
  const tokens = {
    get: async (key: string) => kept.get(key) ?? "",
    set: async (key: string, value: string) => void kept.set(key, value),
  };
  // GitHub takes tokens back, for example when the permissions of the app change. The next request asks for another one.
  octokit.hook.error("request", (error) => {
    if ("status" in error && error.status === 401) kept.clear();
    throw error;
  });
  return octokit;
}
