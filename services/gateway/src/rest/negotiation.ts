import type { FastifyRequest } from "fastify";
import { HttpFault } from "../http/problem.js";

/**
 * The one of these media types that the caller wants most. If several are wanted the same, the first of them. Refuses a
 * caller that takes none of them with 406.
 */
export function acceptedOf<T extends string>({ headers }: FastifyRequest, types: readonly [T, ...T[]]): T {
  const wanted = rangesOf(headers.accept || "*/*");
  const [best] = types.map((type) => [type, wishFor(type, wanted)] as const).toSorted(([, a], [, b]) => b - a);
  if (best && best[1] > 0) return best[0];
  throw new HttpFault(406, `this path answers with ${types.join(" or ")}`);
}

/** The ranges of a header Accept, with the weight of each from 0 (not at all) to 1. */
function rangesOf(accept: string): ReadonlyMap<string, number> {
  return new Map(
    accept.split(",").map((each) => {
      const [range = "", ...parameters] = each.split(";").map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith("q="));
      return [range, weight === undefined ? 1 : Number(weight.slice(2)) || 0] as const;
    }),
  );
}

/** The narrowest range that has the type decides. */
function wishFor(type: string, wanted: ReadonlyMap<string, number>): number {
  const [name = ""] = type.split(";", 1);
  return wanted.get(name) ?? wanted.get(`${name.split("/", 1)[0]}/*`) ?? wanted.get("*/*") ?? 0;
}
