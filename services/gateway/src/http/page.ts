import type { FastifyReply } from "fastify";

/** Answers with a page of a few words, for a person whose browser comes here without the dashboard. */
export function plainPage(reply: FastifyReply, status: number, title: string, text: string): FastifyReply {
  return reply
    .code(status)
    .header("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'")
    .header("cache-control", "no-store")
    .type("text/html; charset=utf-8")
    .send(
      `<!doctype html><html lang="en"><title>CCSP: ${escaped(title)}</title>` +
        `<main><h1>${escaped(title)}</h1><p>${escaped(text)}</p><p><a href="/">Dashboard</a></p></main></html>\n`,
    );
}

const escaped = (text: string): string => text.replaceAll(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
