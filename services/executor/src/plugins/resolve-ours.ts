import { registerHooks } from "node:module";

const OURS = /^@ccsp\/([a-z0-9-]+)/;

let resolving = false;

/**
 * From now on, every module of this process finds our packages by their names. A plugin that is one file anywhere on
 * the host can import `@ccsp/engine-kit`. A plugin of this repository is found by its name. A package that the module's
 * own place provides comes first.
 */
export function resolveOurs(): void {
  if (resolving) return;
  resolving = true;
  registerHooks({
    resolve(specifier, context, next) {
      const name = OURS.exec(specifier)?.[1];
      if (name === undefined) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch (fault) {
        // Tries the executor's own packages first. Then tries the package's reference to its own name, for a package in
        // the folder beside the executor.
        for (const parentURL of [import.meta.url, new URL(`../../../../packages/${name}/`, import.meta.url).href]) {
          try {
            return next(specifier, { ...context, parentURL });
          } catch {
            // This place does not have the package.
          }
        }
        throw fault;
      }
    },
  });
}
