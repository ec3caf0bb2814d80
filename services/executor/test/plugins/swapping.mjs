import { rename, symlink } from "node:fs/promises";

// A hook that puts a link into the place of a folder, after the task was admitted and before its run starts.
/** @type {import("@ccsp/engine-kit").HookPlugin<{ readonly folder: string; readonly target: string }>} */
export const hookPlugin = {
  name: "swapping",
  define: (settings) => ({
    folder: settings.text("CCSP_HOOK_SWAPPING_FOLDER", "the folder", { default: "" }),
    target: settings.text("CCSP_HOOK_SWAPPING_TARGET", "where the link leads", { default: "" }),
  }),
  open: async ({ folder, target }) => ({
    async beforeExecute() {
      await rename(folder, `${folder}-moved`);
      await symlink(target, folder);
    },
  }),
};
