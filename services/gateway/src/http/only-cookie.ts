import "@fastify/cookie"; // gives requests their cookies
import { Refusal } from "@ccsp/errors";
import type { FastifyRequest } from "fastify";

/**
 * The value of a cookie that proves something. Refuses with TOKEN_INVALID when the browser sends two of the name.
 * Without TLS, a program on another port or a host below this one can set the second, with a path that puts it first,
 * and a person would act as somebody else. No rule can tell which of the two is the person's own.
 */
export function onlyCookie(request: FastifyRequest, name: string): string | undefined {
  const sent = request.headers.cookie?.split(";").filter((pair) => pair.split("=", 1)[0]?.trim() === name) ?? [];
  if (sent.length <= 1) return request.cookies[name] || undefined;
  const why = "another program of this host may have set one: delete the cookies of this host in the browser";
  throw new Refusal("TOKEN_INVALID", `the browser sends ${sent.length} cookies ${name}, and ${why}`);
}
