import { fileURLToPath } from "node:url";
import { type RedisServer, startRedis } from "@ccsp/fleet";
import { ROLES } from "@ccsp/identity";
import { type ServiceProcess, startServiceProcess } from "@ccsp/testkit";
import { SignJWT } from "jose";

const SECRET = "a secret of this test and of nothing else";

export const tokenOf = (sub: string, scopes: readonly string[]): Promise<string> =>
  new SignJWT({ scope: scopes.join(" ") })
    .setProtectedHeader({ alg: "HS256" })
    .setSubject(sub)
    .setAudience("ccsp")
    .setExpirationTime("5m")
    .sign(new TextEncoder().encode(SECRET));

/** The fields of answers that tests read. */
interface Body {
  readonly subject?: string;
  readonly proof?: string;
  readonly task?: { readonly id: string; readonly agentId: string; readonly state: string };
  readonly tasks?: readonly { readonly id: string; readonly agentId: string }[];
  readonly nextPageToken?: string;
  readonly outcomes?: readonly { readonly taskId?: string; readonly refused?: Body }[];
  readonly depths?: readonly object[];
  readonly type?: string;
  readonly reason?: string;
  readonly detail?: string;
  readonly metadata?: object;
  readonly fields?: readonly { readonly field: string; readonly description: string }[];
}

export interface Asked {
  readonly method?: string;
  readonly json?: object;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpWorld {
  readonly gateway: ServiceProcess;
  readonly startGateway: (env?: Readonly<Record<string, string>>) => Promise<ServiceProcess>;
  /** Sends a request. `who` is a role and the number of a caller, such as `agent-1`, or undefined without a token. */
  readonly ask: (path: string, who: string | undefined, asked?: Asked) => Promise<Response>;
  /** The same, with the answer read as JSON. */
  readonly call: (
    path: string,
    who: string | undefined,
    asked?: Asked,
  ) => Promise<{ readonly status: number; readonly headers: Headers; readonly body: Body }>;
  close(): Promise<void>;
}

const isRole = (name: string): name is keyof typeof ROLES => name in ROLES;

/** Starts a real queue and a real gateway in front of it, without an executor. */
export async function startHttpWorld(env: Readonly<Record<string, string>> = {}): Promise<HttpWorld> {
  const redis: RedisServer = await startRedis();
  const running: ServiceProcess[] = [];
  const start = async (name: string, own: Readonly<Record<string, string>>): Promise<ServiceProcess> => {
    const folder = fileURLToPath(new URL(`../../${name}`, import.meta.url));
    const shared = { PATH: process.env["PATH"] ?? "", CCSP_REDIS_URL: redis.url, CCSP_HEARTBEAT: "0s" };
    const service = await startServiceProcess({ name, folder, env: { ...shared, ...own } });
    running.push(service);
    return service;
  };
  const close = async () => {
    for (const service of running.toReversed()) await service.stop();
    await redis.stop();
  };
  try {
    const queue = await start("queue", {});
    const startGateway = (more = {}) =>
      start("gateway", { CCSP_QUEUE_TARGET: queue.address, CCSP_JWT_SECRET: SECRET, ...env, ...more });
    const gateway = await startGateway();
    const ask: HttpWorld["ask"] = async (path, who, { method, json, body, headers = {} } = {}) => {
      const [role = ""] = who?.split("-") ?? [];
      const token = isRole(role) && (await tokenOf(who ?? "", ROLES[role]));
      return fetch(`${gateway.httpAddress}${path}`, {
        method: method ?? (json || body ? "POST" : "GET"),
        ...(json && { body: JSON.stringify(json) }),
        ...(body !== undefined && { body }),
        headers: {
          ...(json && { "content-type": "application/json" }),
          ...(token && { authorization: `Bearer ${token}` }),
          ...headers,
        },
      });
    };
    return {
      gateway,
      startGateway,
      ask,
      async call(path, who, asked) {
        const answer = await ask(path, who, asked);
        const text = await answer.text();
        const body: Body = text === "" ? {} : JSON.parse(text);
        return { status: answer.status, headers: answer.headers, body };
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
