import type { Provider } from "@ccsp/engine-kit";
import { type ClaudeCodeProfile, credentialsFile, PROVIDER } from "./environment.js";
import type { Login } from "./login.js";
import { windowsOfAnswer } from "./windows.js";

/** The forms of a key and of a long-lived token: the CLI sends other headers with the one than with the other. */
const PLACEHOLDERS = {
  ANTHROPIC_API_KEY: "sk-ant-api03-the-executor-adds-the-key",
  ANTHROPIC_AUTH_TOKEN: "the-executor-adds-the-token",
  CLAUDE_CODE_OAUTH_TOKEN: "sk-ant-oat01-the-executor-adds-the-token",
} as const;

/**
 * With these, the login is not a key or a token that the CLI sends to its base URL, or it sends others beside it.
 */
const OTHERWISE = [
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
  "CLAUDE_CODE_USE_FOUNDRY",
  "CLAUDE_CODE_CLIENT_CERT",
  "ANTHROPIC_CUSTOM_HEADERS",
  "ANTHROPIC_UNIX_SOCKET",
];

const MESSAGES = ["POST /v1/messages"];
/** The CLI asks for the settings of an organisation before its first message. */
const OTHERS = [
  "POST /v1/messages/count_tokens",
  "GET /api/claude_code/settings",
  "GET /api/claude_code/policy_limits",
];

export interface Brokered {
  readonly provider: Provider;
  /** In place of the variables of the login. */
  readonly placeholders: Readonly<Record<string, string>>;
  /** The token that a run gets in place of that of an interactive login. Undefined: the login is in variables. */
  readonly interactive: string | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined: the login has to be in the run, or there is none. `held`: the interactive login, if there is one. */
export function brokered(profile: ClaudeCodeProfile, held: Pick<Login, "token" | "renew">): Brokered | undefined {
  const { apiKey, baseUrl, declared, declaredNow } = profile;
  const own = { ...(apiKey && { ANTHROPIC_API_KEY: apiKey }), ...(baseUrl && { ANTHROPIC_BASE_URL: baseUrl }) };
  const given: Environment = { ...declared, ...own };
  const { ANTHROPIC_BASE_URL: url = PROVIDER } = given;
  if (OTHERWISE.some((name) => given[name]) || !/^https?:$/.test(URL.parse(url)?.protocol ?? "")) return undefined;
  const login = Object.entries(PLACEHOLDERS).flatMap(([name, placeholder]) => {
    const secret = given[name];
    return secret ? [{ name, secret, placeholder }] : [];
  });
  const provider = {
    name: "anthropic",
    url,
    messages: MESSAGES,
    counts: true,
    others: OTHERS,
    windowsOf: windowsOfAnswer,
  };
  if (credentialsFile(profile) !== undefined) {
    const placeholder = PLACEHOLDERS.CLAUDE_CODE_OAUTH_TOKEN;
    const token = [{ placeholder, secret: () => held.token(), renew: (refused: string) => held.renew(refused) }];
    return { provider: { ...provider, login: token }, placeholders: {}, interactive: placeholder };
  }
  if (login.length === 0) return undefined;
  return {
    provider: {
      ...provider,
      login: login.map(({ name, secret, placeholder }) => ({
        placeholder,
        secret: async () => {
          const now: Environment = { ...(await declaredNow()), ...own };
          // A login of another provider is not for this one.
          return (now["ANTHROPIC_BASE_URL"] ?? PROVIDER) === url ? now[name] || secret : secret;
        },
      })),
    },
    placeholders: Object.fromEntries(login.map(({ name, placeholder }) => [name, placeholder])),
    interactive: undefined,
  };
}
