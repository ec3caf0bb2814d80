import { readdir } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance, FastifyReply } from "fastify";
import { plainPage } from "../http/page.js";
import { HttpFault } from "../http/problem.js";

// Also a bundle finds the package by this.
const require = createRequire(import.meta.url);

/** The folder with the built dashboard. It does not exist before the dashboard was built. */
export const dashboardFolder = (): string =>
  join(dirname(require.resolve("@ccsp/dashboard/package.json")), "dist", "web");

/** A page may load what this server has, and nothing else. No other site may show it in a frame. */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "form-action 'self'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
].join("; ");
const HEADERS = {
  "content-security-policy": CSP,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "cross-origin-opener-policy": "same-origin",
};

/** The build names these by their content. */
const HASHED = /-[A-Z0-9]{8}\.\w+$/;
/** A browser asks each time, and gets 304 if it has the newest. */
const CHECKED = "no-cache";
const FOREVER = "public, max-age=31536000, immutable";
const PAGE = "index.html";
/** Paths of programs. A wrong one is a fault, and no page of the dashboard. */
const NO_PAGES = /^\/(api|ws|session|webhooks)(\/|$)/;

/**
 * Serves the dashboard's files at `/`. Every other path that may be one of its pages gets `index.html`, so that a link
 * to a page works.
 */
export async function web(app: FastifyInstance, { folder }: { readonly folder: string }): Promise<void> {
  app.addHook("onRequest", async (_request, reply) => void reply.headers(HEADERS));
  // A page loads many files, and nobody looks for them among the traces.
  const config = { untraced: true };
  // Only these names reach the disk.
  const files: ReadonlySet<string> = new Set(await readdir(folder).catch(() => []));
  if (!files.has(PAGE)) {
    app.get("/", { config }, (_request, reply) => notBuilt(reply));
    return;
  }
  await app.register(fastifyStatic, { root: folder, serve: false, preCompressed: true, cacheControl: false });
  app.get("/*", { config }, (request, reply) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const name = path.slice(1);
    if (files.has(name)) return reply.header("cache-control", HASHED.test(name) ? FOREVER : CHECKED).sendFile(name);
    if (NO_PAGES.test(path) || /\.\w+$/.test(path))
      throw new HttpFault(404, `GET ${path} is not a path of this server`);
    return reply.header("cache-control", CHECKED).sendFile(PAGE);
  });
}

const notBuilt = (reply: FastifyReply): FastifyReply =>
  plainPage(
    reply,
    503,
    "The dashboard was not built",
    "Run `make build` in the folder of CCSP, and start the gateway again.",
  );
