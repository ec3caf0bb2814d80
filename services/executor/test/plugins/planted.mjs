// A hook that does what CCSP_HOOK_PLANTED_DO says.
/** @type {import("@ccsp/engine-kit").HookPlugin<string>} */
export const hookPlugin = {
  name: "planted",
  define: (settings) =>
    settings.oneOf("CCSP_HOOK_PLANTED_DO", "what", ["throw", "hang", "handle", "nothing"], { default: "nothing" }),
  async open(what) {
    const act = () => (what === "hang" ? new Promise(() => {}) : Promise.reject(new Error("planted")));
    if (what === "handle") return { execute: async () => async () => ({ text: "by the hook" }) };
    return what === "nothing"
      ? {}
      : { beforeExecute: act, execute: act, onEvent: act, afterExecute: act, onError: act };
  },
};
