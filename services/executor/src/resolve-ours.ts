import { registerHooks } from "node:module";

const OURS = /^@ccsp\/([a-z0-9-]+)/;

let resolving = false;

/**
 * From now on every module of this process finds our packages by their names: a plugin that is one file anywhere on the host imports
 * `@ccsp/engine-kit` as written, and a plugin of this repository is found by its name. What a module's own place has goes first.
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
        // Beside the executor's own, and as the package names itself where it is a neighbour of the executor.
        for (const parentURL of [import.meta.url, new URL(`../../../packages/${name}/`, import.meta.url).href]) {
          try {
            return next(specifier, { ...context, parentURL });
          } catch {
            // Not there either.
          }
        }
        throw fault;
      }
    },
  });
}
