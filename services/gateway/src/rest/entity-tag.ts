import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";

/** The ETag of a body. It is a weak one, because the same answer is sent compressed and not compressed. */
export const tagOf = (body: Buffer): string => `W/"${createHash("sha1").update(body).digest("base64url")}"`;

/** Whether the caller says that it has the answer with this ETag. */
export function hasTag({ headers }: FastifyRequest, tag: string): boolean {
  const tags = (headers["if-none-match"] ?? "").split(",").map((each) => opaque(each.trim()));
  return tags.includes(opaque(tag)) || tags.includes("*");
}

const opaque = (tag: string): string => tag.replace(/^W\//, "");
