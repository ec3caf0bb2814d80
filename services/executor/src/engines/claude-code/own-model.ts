import { inFolder, type Json, openTrustedFolder, parseObject, textAt } from "@ccsp/engine-kit";
import { type ClaudeCodeProfile, sharedConfigFolder } from "./environment.js";

const MOST_BYTES = 1024 * 1024;

/**
 * The model of a run whose task names none, by a name that the CLI knows. A new conversation gets it by itself, but a
 * turn that continues one would get the model of the turn before. `project` are settings of the working folder that the
 * CLI reads; the first one counts.
 */
export async function ownModel(profile: ClaudeCodeProfile, project: readonly Json[]): Promise<string> {
  const settings = [...project, await userSettings(profile)];
  const first = (...path: readonly string[]) => settings.map((each) => textAt(each, ...path)).find((text) => text);
  return first("env", "ANTHROPIC_MODEL") ?? (profile.declared["ANTHROPIC_MODEL"] || first("model")) ?? "default";
}

/** Where runs have no sandbox, they can write into this folder. What is not a file there counts as nothing. */
async function userSettings(profile: ClaudeCodeProfile): Promise<Json | undefined> {
  const shared = sharedConfigFolder(profile);
  if (shared === undefined) return undefined;
  const read = inFolder(openTrustedFolder(shared), (folder) =>
    folder.read("settings.json", { mostBytes: MOST_BYTES, shared: true }),
  );
  const content = await read.catch(() => undefined);
  return content && parseObject(Buffer.from(content));
}
