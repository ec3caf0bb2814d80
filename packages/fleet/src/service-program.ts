import { statSync } from "node:fs";
import { basename, join } from "node:path";

/** What Node runs, after its own arguments. */
export interface Program {
  readonly nodeArgs: readonly string[];
  readonly program: string;
}

/**
 * How the service in this folder starts, with tracing loaded. In a checkout this is its bundle, which takes half the
 * processor time to start. It is dist/ where there is no bundle, and where the service was compiled after it. `folder`
 * is the absolute path of `services/NAME`.
 */
export function serviceProgram(folder: string): Program {
  const root = join(folder, "..", "..");
  const bundle = join(root, ".tools", "bundles", basename(folder), "main.js");
  if (modified(bundle) > modified(join(folder, "tsconfig.tsbuildinfo"))) return { nodeArgs: [], program: bundle };
  return { nodeArgs: withTracing(root), program: join(folder, "dist", "main.js") };
}

/**
 * The arguments of Node that load tracing first. They name a file, because only what depends on @ccsp/telemetry can
 * resolve it by name.
 */
export const withTracing = (root: string): readonly string[] => [
  "--import",
  join(root, "packages", "telemetry", "dist", "register.js"),
];

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
