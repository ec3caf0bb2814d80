import { createHash } from "node:crypto";
import { join } from "node:path";
import { createBelow, optionsOf, type RunOptions, type RunRequest, writeFiles } from "@ccsp/engine-kit";
import { commandLine, type FixedAtStart, userTurn } from "./command-line.js";
import { placeConversation } from "./conversation.js";
import { access, type ClaudeCodeProfile, environment, sharedConfigFolder } from "./environment.js";

type Prepare = RunOptions["prepare"];

/**
 * Returns how to prepare the CLI's start for a request. The returned function holds the prompt in memory only if the
 * input must also name files.
 */
export const preparation = (profile: ClaudeCodeProfile, request: RunRequest): Prepare =>
  prepareStart(profile, fixedAtStart(request), request.files.length > 0 ? request : undefined);

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

const SYSTEM_PROMPT = "system-prompt.txt";
const NOWHERE = { systemPrompt: undefined, files: undefined, conversation: undefined };

/** Copies these fields only: a closure keeps in memory all that it can reach. */
function fixedAtStart(request: RunRequest): FixedAtStart {
  const { limits, permissionMode, conversation } = request;
  return { ...optionsOf(request), limits, permissionMode, conversation };
}

function prepareStart(
  profile: ClaudeCodeProfile,
  start: FixedAtStart,
  withFiles: Pick<RunRequest, "prompt" | "files"> | undefined,
): Prepare {
  return async (folder) => {
    const systemPrompt = start.systemPrompt ? join(folder.path, SYSTEM_PROMPT) : undefined;
    if (systemPrompt) await createBelow(folder.path, SYSTEM_PROMPT, start.systemPrompt);
    const from = start.conversation?.from;
    const conversation = from && (await placeConversation(folder, from));
    const { folder: files, notice } = await writeFiles(folder, withFiles?.files ?? []);
    return {
      args: commandLine(start, { systemPrompt, files, conversation }),
      env: environment(profile, folder),
      access: access(profile, folder, start.conversation !== undefined),
      input: withFiles && userTurn(withFiles.prompt, notice),
    };
  };
}
