import { join } from "node:path";
import { hostOf, inFolder, openTrustedFolder, type RunAccess, type RunFolder } from "@ccsp/engine-kit";

export interface ClaudeCodeProfile {
  /** Home folder with the operator's own login. Undefined: each run gets a temporary home folder. */
  readonly home: string | undefined;
  readonly apiKey: string | undefined;
  readonly baseUrl: string | undefined;
  /** Other variables that the operator declares. */
  readonly declared: Readonly<Record<string, string>>;
  /** As they are now. Never rejects. */
  readonly declaredNow: () => Promise<Readonly<Record<string, string>>>;
  /** Retries inside the CLI. Keep it low: the queue retries too, and the two numbers multiply. */
  readonly maxRetries: number;
}

/**
 * The config folder that all runs share. The operator's home or a declared variable sets it. Undefined: each run has
 * its own.
 */
export function sharedConfigFolder({ home, declared }: ClaudeCodeProfile): string | undefined {
  const shared = home && join(declared["HOME"] ?? home, ".claude");
  return declared["CLAUDE_CONFIG_DIR"] ?? shared;
}

/** The folder where the CLI keeps its login and its conversations. */
export const configFolder = (profile: ClaudeCodeProfile, folder: Pick<RunFolder, "home">): string =>
  sharedConfigFolder(profile) ?? join(folder.home, ".claude");

/**
 * The file of an interactive login that runs share and refresh, in the config folder `shared`. Undefined: the runs use a
 * key or a token, or they share no login.
 */
export function credentialsFile(profile: ClaudeCodeProfile, shared = sharedConfigFolder(profile)): string | undefined {
  const { apiKey, declared } = profile;
  const given = apiKey !== undefined || TOKENS.some((name) => declared[name] !== undefined);
  return given || shared === undefined ? undefined : join(shared, CREDENTIALS);
}

const TOKENS = ["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"];

/**
 * The variables that the CLI gets in addition to those that every engine gets. The operator's file cannot override the
 * variables that are set here for safety. `placeholders` stand in place of the login.
 */
export function environment(
  profile: ClaudeCodeProfile,
  folder: RunFolder,
  placeholders: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const { home, apiKey, baseUrl, declared, maxRetries } = profile;
  return {
    // With a temporary home, CLAUDE_CONFIG_DIR keeps everything in one folder. With the operator's home, only HOME is
    // set: if CLAUDE_CONFIG_DIR names the default folder, the CLI searches for its configuration elsewhere.
    ...(home ? { HOME: home } : { CLAUDE_CONFIG_DIR: configFolder(profile, folder) }),
    ...declared,
    ...(apiKey && { ANTHROPIC_API_KEY: apiKey }),
    ...placeholders,
    ...(baseUrl && { ANTHROPIC_BASE_URL: baseUrl }),
    CLAUDE_CODE_MAX_RETRIES: String(maxRetries),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_TELEMETRY: "1",
    DISABLE_AUTOUPDATER: "1",
  };
}

/** Where the CLI asks the model, and where it refreshes an interactive login. */
export const PROVIDER = "https://api.anthropic.com";
/** Where an organisation puts settings that hold for everyone on a host (https://code.claude.com/docs/en/settings). */
const MANAGED = "/etc/claude-code";
const LOGIN_HOSTS = ["platform.claude.com:443", "console.anthropic.com:443", "claude.ai:443"];

/**
 * What the CLI needs of the host. It may change nothing in a config folder that runs share, but the file of the login,
 * which it refreshes: otherwise a run could leave settings and hooks for later runs. Everything else that it writes
 * there is gone with the run. If the run's conversation is kept, it is read from the run's own folder of conversations,
 * or from the folder where it was placed. `brokers`: the login is not in the run.
 */
export async function access(
  profile: ClaudeCodeProfile,
  folder: RunFolder,
  keepsConversation: boolean,
  brokers: boolean,
): Promise<RunAccess> {
  const shared = sharedConfigFolder(profile);
  const { HOME, ANTHROPIC_BASE_URL = PROVIDER } = environment(profile, folder);
  const refreshes = credentialsFile(profile) !== undefined && !brokers;
  const hosts = [hostOf(ANTHROPIC_BASE_URL), ...(refreshes ? LOGIN_HOSTS : [])];
  const placed = keepsConversation ? [conversationFolder(folder)] : [];
  if (shared === undefined) {
    const own = keepsConversation ? [join(configFolder(profile, folder), "projects")] : [];
    return { reads: [MANAGED], keeps: [...own, ...placed], hosts };
  }
  const entries = (await inFolder(openTrustedFolder(shared), (open) => open.list(MOST_ENTRIES))) ?? [];
  const read = entries.filter((name) => name !== CREDENTIALS && name !== "projects").map((name) => join(shared, name));
  return {
    empties: [shared],
    reads: [MANAGED, ...read, ...(HOME === undefined ? [] : [join(HOME, ".claude.json")])],
    // The file may have another login than the one that the broker holds.
    writes: brokers ? [] : [join(shared, CREDENTIALS)],
    readsAt: brokers ? [{ path: join(shared, CREDENTIALS), source: join(folder.path, STAND_IN) }] : [],
    keeps: placed,
    keepsAt: keepsConversation ? [{ path: join(shared, "projects"), source: ownProjects(folder) }] : [],
    hosts,
  };
}

/** Most entries of a config folder that runs see. The CLI makes some thirty. */
const MOST_ENTRIES = 1_000;
const CREDENTIALS = ".credentials.json";
/** What a run gets in place of this file. */
export const STAND_IN = "credentials.json";

/** The conversations of a run in a sandbox that shares its config folder with others. */
export const ownProjects = ({ path }: Pick<RunFolder, "path">): string => join(ownConfig({ path }), "projects");
export const ownConfig = ({ path }: Pick<RunFolder, "path">): string => join(path, "config");

/** The folder in the run's folder where a conversation to continue is placed. */
export const CONVERSATION_FOLDER = "conversation";
export const conversationFolder = ({ path }: Pick<RunFolder, "path">): string => join(path, CONVERSATION_FOLDER);
