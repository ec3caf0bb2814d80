import { askVersion, type Engine, type EngineContext, followRun, runOptions } from "@ccsp/engine-kit";
import { access, type OpenCodeProfile, prepareFolder, provider } from "./folder.js";
import { createReader } from "./reader.js";
import { RULES } from "./rules.js";

export interface OpenCodeOptions {
  /** Absolute path of the CLI. */
  readonly bin: string;
  readonly profile: OpenCodeProfile;
  readonly context: EngineContext;
}

/** The OpenCode CLI, one process for each run: `opencode run`, with the prompt on stdin. */
export function createOpenCode({ bin, profile, context }: OpenCodeOptions): Engine {
  const { supervisor } = context;
  return {
    name: "opencode",
    brokered: provider(profile) !== undefined,
    capabilities: { streaming: true, usage: true, takes: ["model", "system_prompt"] },

    version: () =>
      askVersion(supervisor, {
        command: bin,
        prepare: async (folder, brokers) => ({
          args: ["--version"],
          env: await prepareFolder(profile, folder, "", brokers),
          access: access(profile),
        }),
      }),

    async start(request) {
      const model = modelOf(request.model, profile);
      const run = await supervisor.start({
        ...runOptions(request),
        command: bin,
        prepare: async (folder, brokers) => ({
          // A given title saves the request to the model that would make one.
          args: ["run", "--format=json", `--model=${model}`, "--title=task"],
          env: await prepareFolder(profile, folder, request.systemPrompt, brokers),
          access: access(profile),
          provider: brokers ? provider(profile) : undefined,
        }),
        input: request.prompt,
      });
      // The CLI reads its input to the end before it begins.
      run.endInput(request.limits.wallMs);
      return followRun(run, { request, reader: createReader(model), rules: RULES, context });
    },
  };
}

/** A model without a provider is one of the operator's provider. */
function modelOf(asked: string, { model }: OpenCodeProfile): string {
  if (asked === "") return model;
  return asked.includes("/") ? asked : `${model.split("/")[0]}/${asked}`;
}
