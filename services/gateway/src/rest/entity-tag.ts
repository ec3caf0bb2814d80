import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";

/** The strong ETag of a body. */
export const tagOf = (body: Buffer): string => `"${createHash("sha1").update(body).digest("base64url")}"`;

/** Whether the caller says that it has the answer with this ETag. */
export function hasTag({ headers }: FastifyRequest, tag: string): boolean {
  const tags = (headers["if-none-match"] ?? "").split(",").map((each) => each.trim().replace(/^W\//, ""));
  return tags.includes(tag) || tags.includes("*");
}
