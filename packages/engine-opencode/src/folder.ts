import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createBelow, hostOf, makeFolderBelow, type Provider, type RunAccess, type RunFolder } from "@ccsp/engine-kit";
import type { OpenCodeConfig } from "./config.js";

export interface OpenCodeProfile extends Omit<OpenCodeConfig, "bin" | "searchPath" | "envFile"> {
  /** The variables that the operator's file adds to the environment. */
  readonly declared: Readonly<Record<string, string>>;
}

/** Runs inside OpenCode and prints what `opencode run` does not show. */
const RELAY = new URL("../relay/relay.mjs", import.meta.url);

const SYSTEM_PROMPT = "system-prompt.txt";

/**
 * Writes the CLI's configuration into the run's throwaway home. Resolves to the variables that the CLI gets in addition
 * to those of every engine. `brokers`: the executor adds the key, where `provider` has it.
 */
export async function prepareFolder(
  profile: OpenCodeProfile,
  folder: RunFolder,
  systemPrompt: string,
  brokers: boolean,
): Promise<Readonly<Record<string, string>>> {
  const configHome = join(folder.home, ".config");
  const place = (name: string) => `.config/opencode/${name}`;
  await makeFolderBelow(folder.home, place("node_modules"));
  // With this file, OpenCode believes that its plugin library is installed. Otherwise it fetches the library from a
  // registry in every run.
  const installed = { packages: { "": { dependencies: { "@opencode-ai/plugin": "*" } } } };
  await createBelow(folder.home, place("package-lock.json"), JSON.stringify(installed));
  // OpenCode writes this file if it is missing, and fails where it cannot: what is prepared is read-only in a sandbox.
  await createBelow(folder.home, place(".gitignore"), "*\n");

  if (systemPrompt) await createBelow(folder.path, SYSTEM_PROMPT, systemPrompt);
  const own = brokers && provider(profile) ? { ...profile, apiKey: PLACEHOLDER } : profile;
  const written = settings(own, systemPrompt ? join(folder.path, SYSTEM_PROMPT) : undefined);
  await createBelow(folder.home, place("opencode.json"), JSON.stringify(written));
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

/**
 * Addresses of providers if the operator gives none, and what OpenCode asks them. It knows more providers: the operator
 * adds their hosts.
 */
const PROVIDERS = new Map([
  ["anthropic", { url: "https://api.anthropic.com/v1", messages: ["POST /messages"] }],
  ["openai", { url: "https://api.openai.com/v1", messages: ["POST /responses", "POST /chat/completions"] }],
]);

const providerOf = ({ model }: OpenCodeProfile): string => model.split("/")[0] ?? "";

/** No provider looks at the form of it before it is sent. */
const PLACEHOLDER = "the-executor-adds-the-key";

/**
 * Undefined: a key has to be in the run, or there is none. OpenCode takes the keys of other providers, and of this one,
 * from the operator's variables too.
 */
export function provider(profile: OpenCodeProfile): Provider | undefined {
  const { apiKey, baseUrl, declared } = profile;
  const known = PROVIDERS.get(providerOf(profile));
  if (!apiKey || known === undefined || Object.keys(declared).some((name) => /_(?:KEY|TOKEN|SECRET)$/.test(name)))
    return undefined;
  const login = [{ secret: async () => apiKey, placeholder: PLACEHOLDER }];
  const name = providerOf(profile);
  const { messages } = known;
  return { name, url: baseUrl ?? known.url, messages, counts: name === "anthropic", others: [], login };
}

export function access(profile: OpenCodeProfile): RunAccess {
  const { baseUrl, modelsFile } = profile;
  const url = baseUrl ?? PROVIDERS.get(providerOf(profile))?.url;
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
