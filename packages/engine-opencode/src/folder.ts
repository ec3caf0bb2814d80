import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hostOf, type RunAccess, type RunFolder } from "@ccsp/engine-kit";
import type { OpenCodeConfig } from "./config.js";

export interface OpenCodeProfile extends Omit<OpenCodeConfig, "bin" | "searchPath" | "envFile"> {
  /** The variables that the operator's file adds to the environment. */
  readonly declared: Readonly<Record<string, string>>;
}

/** Runs inside OpenCode and prints what `opencode run` does not show. */
const RELAY = new URL("../relay/relay.mjs", import.meta.url);

const PRIVATE = { mode: 0o600 };

/**
 * Writes the CLI's configuration into the run's throwaway home. Resolves to the variables that the CLI gets in addition
 * to those of every engine.
 */
export async function prepareFolder(
  profile: OpenCodeProfile,
  folder: RunFolder,
  systemPrompt: string,
): Promise<Readonly<Record<string, string>>> {
  const configHome = join(folder.home, ".config");
  const place = join(configHome, "opencode");
  await mkdir(join(place, "node_modules"), { recursive: true, mode: 0o700 });
  // With this file, OpenCode believes that its plugin library is installed. Otherwise it fetches the library from a
  // registry in every run.
  const installed = { packages: { "": { dependencies: { "@opencode-ai/plugin": "*" } } } };
  await writeFile(join(place, "package-lock.json"), JSON.stringify(installed), PRIVATE);
  // OpenCode writes this file if it is missing, and fails where it cannot: what is prepared is read-only in a sandbox.
  await writeFile(join(place, ".gitignore"), "*\n", PRIVATE);

  const systemPromptFile = systemPrompt ? join(folder.path, "system-prompt.txt") : undefined;
  if (systemPromptFile) await writeFile(systemPromptFile, systemPrompt, PRIVATE);
  await writeFile(join(place, "opencode.json"), JSON.stringify(settings(profile, systemPromptFile)), PRIVATE);
  return {
    ...profile.declared,
    XDG_CONFIG_HOME: configHome,
    XDG_DATA_HOME: join(folder.home, ".local", "share"),
    XDG_STATE_HOME: join(folder.home, ".local", "state"),
    XDG_CACHE_HOME: join(folder.home, ".cache"),
    // Files in a working folder grant no permissions and load no plugins.
    OPENCODE_DISABLE_PROJECT_CONFIG: "1",
    OPENCODE_DISABLE_AUTOUPDATE: "1",
    OPENCODE_DISABLE_MODELS_FETCH: "1",
    ...(profile.modelsFile && { OPENCODE_MODELS_PATH: profile.modelsFile }),
    OPENCODE_DISABLE_DEFAULT_PLUGINS: "1",
    OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
  };
}

/** The provider's address if the operator gives none. OpenCode knows more providers: the operator adds their hosts. */
const PROVIDERS: Readonly<Record<string, string>> = {
  anthropic: "https://api.anthropic.com",
  openai: "https://api.openai.com",
};

export function access({ model, baseUrl, modelsFile }: OpenCodeProfile): RunAccess {
  const url = baseUrl ?? PROVIDERS[model.split("/")[0] ?? ""];
  return {
    reads: [fileURLToPath(new URL(".", RELAY)), ...(modelsFile === undefined ? [] : [modelsFile])],
    hosts: url === undefined ? [] : [hostOf(url)],
  };
}

function settings(profile: OpenCodeProfile, systemPromptFile: string | undefined): object {
  const { model, baseUrl, apiKey, tools, maxRetries } = profile;
  const [provider = "", ...name] = model.split("/");
  return {
    $schema: "https://opencode.ai/config.json",
    autoupdate: false,
    share: "disabled",
    model,
    // No person can answer an "ask". The last entry that matches counts.
    permission: { "*": "deny", ...Object.fromEntries(tools.map((tool) => [tool, "allow"])) },
    provider: {
      [provider]: {
        options: { ...(baseUrl && { baseURL: baseUrl }), ...(apiKey && { apiKey }) },
        // A gateway may have models that OpenCode does not know.
        models: { [name.join("/")]: {} },
      },
    },
    ...(systemPromptFile && { instructions: [systemPromptFile] }),
    plugin: [[RELAY.href, { maxRetries }]],
  };
}
