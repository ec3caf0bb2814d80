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
export const serviceProgram = (folder: string): Program =>
  programOf(basename(folder), { folder, other: join(folder, "dist", "main.js") });

/** The same for the command as the one process of all services, in the repository `root`. */
export function singleProgram(root: string): Program {
  const folder = join(root, "packages", "cli");
  return programOf("single", { folder, other: join(folder, "bin", "ccsp.js") });
}

function programOf(name: string, { folder, other }: { readonly folder: string; readonly other: string }): Program {
  const root = join(folder, "..", "..");
  const bundle = join(root, ".tools", "bundles", name, "main.js");
  if (modified(bundle) > modified(join(folder, "tsconfig.tsbuildinfo"))) return { nodeArgs: [], program: bundle };
  // Only what depends on @ccsp/telemetry can resolve it by name.
  const register = join(root, "packages", "telemetry", "dist", "register.js");
  return { nodeArgs: ["--import", register], program: other };
}

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
