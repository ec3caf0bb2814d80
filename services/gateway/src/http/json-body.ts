import { Refusal } from "@ccsp/errors";

/** Reads a body of JSON. An empty one is no body. Refuses with INVALID_FIELD what is not JSON in UTF-8. */
export function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const description = `is not JSON in UTF-8: ${why.slice(0, 200)}`;
    throw new Refusal("INVALID_FIELD", `the body ${description}`, { fields: [{ field: "the body", description }] });
  }
}
