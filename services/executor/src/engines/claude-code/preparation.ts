import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  createBelow,
  type EngineContext,
  optionsOf,
  type RunOptions,
  type RunRequest,
  writeFiles,
} from "@ccsp/engine-kit";
import { NOTHING_BROUGHT, readBrought } from "./brought.js";
import type { CliOptions } from "./cli-options.js";
import { commandLine, type FixedAtStart, userTurn } from "./command-line.js";
import { placeConversation } from "./conversation.js";
import { access, type ClaudeCodeProfile, environment, STAND_IN, sharedConfigFolder } from "./environment.js";
import type { Login } from "./login.js";
import { modelsOf } from "./models.js";
import { ownModel } from "./own-model.js";
import { brokered } from "./provider.js";

type Prepare = RunOptions["prepare"];

export interface PreparationDeps {
  readonly profile: ClaudeCodeProfile;
  /** Options of the installed CLI. */
  readonly options: CliOptions;
  readonly login: Pick<Login, "token" | "renew" | "standIn">;
  readonly log: EngineContext["log"];
}

/**
 * Returns how to prepare the CLI's start for a request. The returned function holds the prompt in memory only if the
 * input must also name files.
 */
export const preparation = (deps: PreparationDeps, request: RunRequest): Prepare =>
  prepareStart(deps, fixedAtStart(request), request.files.length > 0 ? request : undefined);

/**
 * The key of requests that start the CLI in the same way: a waiting process can serve any request with its key.
 * Undefined if the request must start its own process, if it brings data that the CLI reads at its start, or if the
 * CLI's config folder is shared and others change it meanwhile.
 */
export function warmKey(profile: ClaudeCodeProfile, request: RunRequest): string | undefined {
  const { files, workingFolder, conversation, systemPrompt, startNow } = request;
  if (startNow || files.length > 0 || workingFolder !== undefined || conversation?.from) return undefined;
  if (sharedConfigFolder(profile) !== undefined) return undefined;
  const fixed = JSON.stringify([commandLine(request, NOWHERE), systemPrompt]);
  return createHash("sha256").update(fixed).digest("base64url");
}

const NOWHERE = {
  systemPrompt: undefined,
  files: undefined,
  conversation: undefined,
  recordsSystemPrompt: false,
  projectSettings: false,
  settings: undefined,
};

type Start = FixedAtStart & Pick<RunRequest, "taskId" | "workingFolder" | "workingRoot" | "projectSettings">;

/** Copies these fields only: a closure keeps in memory all that it can reach. */
function fixedAtStart(request: RunRequest): Start {
  const { limits, permissionMode, conversation, taskId, workingFolder, workingRoot, projectSettings } = request;
  const place = { taskId, workingFolder, workingRoot, projectSettings };
  return { ...optionsOf(request), limits, permissionMode, conversation, ...place };
}

function prepareStart(
  deps: PreparationDeps,
  start: Start,
  withFiles: Pick<RunRequest, "prompt" | "files"> | undefined,
): Prepare {
  const { profile, options, login } = deps;
  return async (folder, brokers) => {
    const broker = brokers ? brokered(profile, login) : undefined;
    const write = async (name: string, text: string): Promise<string | undefined> => {
      if (text === "") return undefined;
      await createBelow(folder.path, name, text);
      return join(folder.path, name);
    };
    const brought = await broughtTo(start, deps);
    const from = start.conversation?.from;
    const projectSettings = start.workingFolder !== undefined && start.projectSettings === true;
    // Only newer versions have this option.
    const asks = from !== undefined || start.workingFolder !== undefined;
    const recent = asks && (await options.has("--system-prompt-snapshot"));
    const model = from && start.model === "" ? await ownModel(profile, projectSettings ? brought.settings : []) : "";
    const { folder: files, notice } = await writeFiles(folder, withFiles?.files ?? []);
    const { instructions, denied } = projectSettings ? NOTHING_BROUGHT : brought;
    if (broker?.interactive) await write(STAND_IN, await login.standIn(broker.interactive));
    const places = {
      systemPrompt: await write("system-prompt.txt", [start.systemPrompt, instructions].filter(Boolean).join("\n\n")),
      files,
      conversation: from && (await placeConversation(folder, from)),
      recordsSystemPrompt: from !== undefined && recent,
      projectSettings,
      settings: await write(
        "settings.json",
        denied.length > 0 ? JSON.stringify({ permissions: { deny: denied } }) : "",
      ),
    };
    // These versions (2.1.197) ask git for the state of the folder, and git runs programs that the folder's own
    // configuration names, such as `core.fsmonitor`.
    const keepsFromGit = start.workingFolder !== undefined && !projectSettings && !recent;
    return {
      args: commandLine(model === "" ? start : { ...start, model }, places),
      env: {
        ...environment(profile, folder, broker?.placeholders),
        ...(keepsFromGit && { CLAUDE_CODE_DISABLE_GIT_INSTRUCTIONS: "1" }),
      },
      access: await access(profile, folder, start.conversation !== undefined, broker !== undefined),
      // A trusted folder may have a helper that gives the key.
      provider: broker && { ...broker.provider, ownLogin: projectSettings, mayAsk: modelsOf(start, profile) },
      input: withFiles && userTurn(withFiles.prompt, notice),
    };
  };
}

/** What the run's working folder brings. The log names what is not loaded. */
async function broughtTo({ workingFolder, workingRoot, projectSettings, taskId }: Start, { log }: PreparationDeps) {
  if (workingFolder === undefined || workingRoot === undefined) return NOTHING_BROUGHT;
  const brought = await readBrought(workingRoot, workingFolder);
  if (!projectSettings && brought.ignored.length > 0) {
    log.info({ task: taskId, ignored: brought.ignored }, "not loaded from the working folder");
  }
  return brought;
}
