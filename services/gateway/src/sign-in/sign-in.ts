import { invalidFields, Refusal } from "@ccsp/errors";
import { effectiveScopes, type Identity } from "@ccsp/identity";
import { accessOf } from "@ccsp/protos/access.js";
import { OperatorServiceService } from "@ccsp/protos/ccsp/gateway/v1/operator_service.js";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Guard } from "../application/guard.js";
import { peerOf } from "../http/credentials.js";
import { plainPage } from "../http/page.js";
import { refuseForgery } from "../http/same-origin.js";
import { MAX_SESSION_TOKEN } from "../http/session-cookie.js";
import { forgetJourney, journeyOf, keepJourney } from "./journey-cookie.js";
import type { OidcSignIn } from "./oidc.js";
import { CODE_MS, type OneTimeCodes } from "./one-time-codes.js";

export interface SignInOptions {
  readonly codes: OneTimeCodes;
  /** Undefined: people sign in with a token. */
  readonly oidc: OidcSignIn | undefined;
  /** What a page needs to link to traces. */
  readonly traceUrl?: string | undefined;
}

/** A sign-in is proven like a call that needs no scope. */
const WHO_AM_I = OperatorServiceService.whoAmI.path;
const MAX_BODY = 8 * 1024;

/** The routes below `/session`, with which a browser gets and loses the cookie that proves its person. */
export function signIn(
  app: FastifyInstance,
  { guard }: { readonly guard: Pick<Guard, "admit"> },
  { codes, oidc, traceUrl }: SignInOptions,
): void {
  const cookie = app.sessionCookie;

  const prove = (request: FastifyRequest, authorization: string): Promise<Identity> => {
    const access = accessOf(WHO_AM_I);
    if (access === undefined) throw new Error(`${WHO_AM_I} does not declare who may call it`);
    return guard.admit(WHO_AM_I, access, { authorization, address: peerOf(request) });
  };
  /** Sets the cookie if the token proves somebody. */
  const enter = async (request: FastifyRequest, reply: FastifyReply, token: string): Promise<Identity> => {
    const identity = await prove(request, `Bearer ${fitting(token)}`);
    cookie.set(reply, token, identity.expireTime);
    return identity;
  };
  const session = (identity: Identity | undefined) => ({
    ...(identity && {
      subject: identity.subject,
      scopes: effectiveScopes(identity.scopes),
      expireTime: identity.expireTime?.toISOString(),
      traceUrl,
    }),
    oidc: oidc !== undefined,
  });

  app.addHook("onSend", async (_request, reply) => void reply.header("cache-control", "no-store"));

  app.get("/session", async (request, reply) => {
    const token = cookie.tokenOf(request);
    const { authorization = token && `Bearer ${token}` } = request.headers;
    // A page that begins asks who its person is. Nobody is an answer, and no failed log-in.
    if (authorization === undefined) return session(undefined);
    try {
      return session(await prove(request, authorization));
    } catch (error) {
      if (isRefused(error)) cookie.clear(reply);
      throw error;
    }
  });

  app.post("/session", { bodyLimit: MAX_BODY }, async (request, reply) => {
    // Otherwise a page of another site could sign a person in as somebody else.
    refuseForgery(request);
    const { token }: { token?: unknown } = Object(request.body);
    if (typeof token !== "string" || token === "") throw wrongToken('is missing: send `{"token": "…"}`');
    return session(await enter(request, reply, token));
  });

  app.delete("/session", async (request, reply) => {
    refuseForgery(request);
    cookie.clear(reply);
    return reply.code(204).send();
  });

  // For `ccsp open`: its person has a token there, and the browser gets it without a copy by hand.
  app.post("/session/code", { bodyLimit: MAX_BODY }, async (request, reply) => {
    const { authorization = "" } = request.headers;
    await prove(request, authorization);
    const expireTime = new Date(Date.now() + CODE_MS).toISOString();
    const code = await codes.create(fitting(authorization.replace(/^Bearer +/i, "").trim()));
    return reply.code(201).send({ code, expireTime });
  });

  // Without HEAD: what only looks at a link would use it up.
  app.get("/session/open", { exposeHeadRoute: false }, async (request, reply) => {
    const { code }: { code?: unknown } = Object(request.query);
    // A link in a page of another site would sign a person in as somebody else. A link that a program opens is `none`.
    const { "sec-fetch-site": site = "none" } = request.headers;
    const token = typeof code === "string" && site === "none" ? await codes.redeem(code) : undefined;
    if (token === undefined)
      return plainPage(reply, 400, "This link does not work", "It works once and for a minute: run `ccsp open` again.");
    await enter(request, reply, token);
    return reply.redirect("/", 303);
  });

  if (oidc === undefined) return;
  app.get("/session/oidc", async (_request, reply) => {
    try {
      const { url, journey } = await oidc.begin();
      keepJourney(reply, journey);
      return reply.redirect(url.href, 303);
    } catch (error) {
      return notSignedIn(reply, error);
    }
  });
  app.get("/session/oidc/callback", async (request, reply) => {
    forgetJourney(reply);
    try {
      const journey = journeyOf(request);
      if (journey === undefined) throw new Refusal("TOKEN_INVALID", "this browser began no sign-in; begin again");
      await enter(request, reply, await oidc.finish(queryOf(request), journey));
    } catch (error) {
      return notSignedIn(reply, error);
    }
    return reply.redirect("/", 303);
  });
}

/** Says on a page why nobody was signed in. A person is in front of these paths, and no program. */
function notSignedIn(reply: FastifyReply, error: unknown): FastifyReply {
  if (!(error instanceof Refusal)) throw error;
  return plainPage(reply, error.reason === "DEPENDENCY_UNAVAILABLE" ? 503 : 401, "Sign-in failed", error.message);
}

/** The proof itself is not accepted, and will not be later. */
const isRefused = (error: unknown): boolean =>
  error instanceof Refusal && ["TOKEN_INVALID", "TOKEN_EXPIRED", "TOKEN_REVOKED"].includes(error.reason);

const wrongToken = (description: string): Refusal => invalidFields([{ field: "token", description }]);

function fitting(token: string): string {
  if (token.length <= MAX_SESSION_TOKEN) return token;
  throw wrongToken(`has more than ${MAX_SESSION_TOKEN} characters, and a browser keeps no such cookie: use an API key`);
}

const queryOf = ({ url }: FastifyRequest): string => url.slice(url.indexOf("?") + 1);
