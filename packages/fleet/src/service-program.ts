import { statSync } from "node:fs";
import { basename, join } from "node:path";

/**
 * The arguments of Node that start the service in `folder`, the absolute path of `services/NAME`, with tracing loaded;
 * the last one is its program. In a checkout this is its bundle, which takes half the processor time to start. It is
 * dist/ where there is no bundle, and where the service was compiled after it. Ask before each start: somebody may build
 * between two.
 */
export const serviceProgram = (folder: string): readonly string[] =>
  programOf(basename(folder), { folder, other: join(folder, "dist", "main.js") });

/** The same for the command as the one process of all services, in the repository `root`. */
export function singleProgram(root: string): readonly string[] {
  const folder = join(root, "packages", "cli");
  return programOf("single", { folder, other: join(folder, "bin", "ccsp.js") });
}

function programOf(
  name: string,
  { folder, other }: { readonly folder: string; readonly other: string },
): readonly string[] {
  const root = join(folder, "..", "..");
  const bundle = join(root, ".tools", "bundles", name, "main.js");
  // Coverage counts lines of the sources, and a bundle has no source maps.
  const isCounted = Boolean(process.env["NODE_V8_COVERAGE"]);
  if (!isCounted && modified(bundle) > modified(join(folder, "tsconfig.tsbuildinfo"))) return [bundle];
  // Only what depends on @ccsp/telemetry can resolve it by name.
  return ["--import", join(root, "packages", "telemetry", "dist", "register.js"), other];
}

const modified = (file: string): number => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
