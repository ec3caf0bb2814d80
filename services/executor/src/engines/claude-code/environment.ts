import { join } from "node:path";
import type { RunFolder } from "@ccsp/engine-kit";

export interface ClaudeCodeProfile {
  /** Home of the operator's own login; undefined: a throwaway home for each run. */
  readonly home: string | undefined;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  /** What the operator declares besides. */
  readonly declared: Readonly<Record<string, string>>;
  /** Retries inside the CLI; layers of retries multiply. */
  readonly maxRetries: number;
}

/** The config folder that all runs have in common, by the operator's home or by a declared variable; undefined: each has its own. */
export function sharedConfigFolder({ home, declared }: ClaudeCodeProfile): string | undefined {
  const shared = home && join(declared["HOME"] ?? home, ".claude");
  return declared["CLAUDE_CONFIG_DIR"] ?? shared;
}

/** Where the CLI keeps its login and conversations. */
export const configFolder = (profile: ClaudeCodeProfile, folder: Pick<RunFolder, "home">): string =>
  sharedConfigFolder(profile) ?? join(folder.home, ".claude");

/** What holds an interactive login that runs share and refresh; undefined: they have a key or a token, or nothing that is shared. */
export function credentialsFile(profile: ClaudeCodeProfile): string | undefined {
  const { apiKey, declared } = profile;
  const given = apiKey !== undefined || TOKENS.some((name) => declared[name] !== undefined);
  const shared = sharedConfigFolder(profile);
  return given || shared === undefined ? undefined : join(shared, ".credentials.json");
}

const TOKENS = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];

/** What the CLI sees besides what every engine sees. What is set here for safety cannot be overruled by the operator's file. */
export function environment(profile: ClaudeCodeProfile, folder: RunFolder): Readonly<Record<string, string>> {
  const { home, apiKey, baseUrl, declared, maxRetries } = profile;
  return {
    // With a home of its own the CLI keeps all in one folder. In the operator's home it looks where it always does: naming
    // the same folder explicitly makes it look for its configuration elsewhere.
    ...(home ? { HOME: home } : { CLAUDE_CONFIG_DIR: configFolder(profile, folder) }),
    ...declared,
    ...(apiKey && { ANTHROPIC_API_KEY: apiKey }),
    ...(baseUrl && { ANTHROPIC_BASE_URL: baseUrl }),
    CLAUDE_CODE_MAX_RETRIES: String(maxRetries),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_AUTOUPDATER: "1",
  };
}
