import { appendFile } from "node:fs/promises";
import type { HookPlugin } from "@ccsp/engine-kit";

/** Keeps keys out of prompts, and writes one line about each run into a file. */
export const hookPlugin: HookPlugin<{ readonly file: string }> = {
  name: "audit",
  required: true, // a run that is not recorded must not happen

  // Pure. Names begin with CCSP_HOOK_<NAME>_. Faults and warnings are collected: settings.fault(…), settings.warn(…).
  define: (settings) => ({
    file: settings.text("CCSP_HOOK_AUDIT_FILE", "where a line about each run is written", { pattern: /^\// }),
  }),

  async open({ file }) {
    const write = (line: object) => appendFile(file, `${JSON.stringify(line)}\n`, { mode: 0o600 });
    await write({ type: "opened" }); // at start, so that a file that cannot be written is reported before the first run
    return {
      async beforeExecute({ request: { prompt } }) {
        if (prompt.includes("BEGIN PRIVATE KEY")) return { refuse: "the prompt has a private key" };
        return { prompt: prompt.replaceAll(/\bsk-[\w-]{16,}/g, "[a key]") };
      },
      async afterExecute({ request: { taskId }, agentId, engine }, { model, costUsd }) {
        await write({ type: "succeeded", taskId, agentId, engine, model, costUsd });
      },
      async onError({ request: { taskId }, agentId, engine }, { category }) {
        await write({ type: "failed", taskId, agentId, engine, category });
      },
    };
  },
};
