import type { World } from "@ccsp/e2e-kit/world.js";

/** One operation of REST, from the description that the gateway serves. */
export interface RestOperation {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  /** The RPCs behind it, by their names in calls. The operator's comes first. */
  readonly rpcs: readonly string[];
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly hasBody: boolean;
}

interface Described {
  readonly "x-ccsp-rpcs"?: readonly string[];
  readonly parameters?: RestOperation["parameters"];
  readonly requestBody?: object;
}

/** Every operation that stands for an RPC. */
export async function restOperations(world: World): Promise<readonly RestOperation[]> {
  const answer = await fetch(`${world.fleet.httpAddress}/api/v2/openapi.json`);
  const { paths }: { readonly paths: Readonly<Record<string, Readonly<Record<string, Described>>>> } = JSON.parse(
    await answer.text(),
  );
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { "x-ccsp-rpcs": rpcs, parameters = [], requestBody }]) =>
      rpcs ? [{ method: method.toUpperCase(), path, rpcs, parameters, hasBody: requestBody !== undefined }] : [],
    ),
  );
}
