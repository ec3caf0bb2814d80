import { invalidFields } from "@ccsp/errors";
import type { FastifyInstance } from "fastify";

/**
 * Lets the routes of this plugin take bodies of JSON, and no others. An empty one is not a body. Refuses with
 * INVALID_FIELD what is not JSON in UTF-8.
 */
export function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_request: unknown, body: Buffer) =>
    parseJson(body),
  );
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw invalidFields([{ field: "the body", description: `is not JSON in UTF-8: ${why.slice(0, 200)}` }]);
  }
}
