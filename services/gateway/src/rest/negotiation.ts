import type { FastifyRequest } from "fastify";
import { HttpFault } from "../http/problem.js";

/** Refuses with 406 a caller who takes no answer of this media type. */
export function mustAccept({ headers: { accept = "*/*" } }: FastifyRequest, type: string): void {
  const ranges = [type, `${type.split("/", 1)[0]}/*`, "*/*"];
  const accepts = accept.split(",").some((each) => {
    const [range = "", ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
    return ranges.includes(range) && !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  });
  if (!accepts) throw new HttpFault(406, `this path answers with ${type}`);
}
