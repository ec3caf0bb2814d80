import assert from "node:assert/strict";
import { NO_OPTIONS, type RunRequest } from "@ccsp/engine-kit";
import { access, type ClaudeCodeProfile, configFolder, credentialsFile } from "./environment.js";
import { warmKey } from "./preparation.js";

const profile = (differs: Partial<ClaudeCodeProfile>): ClaudeCodeProfile => ({
  home: undefined,
  apiKey: undefined,
  baseUrl: undefined,
  declared: {},
  declaredNow: async () => ({}),
  maxRetries: 2,
  ...differs,
});
const request: RunRequest = {
  ...NO_OPTIONS,
  taskId: "t",
  fence: 1n,
  prompt: "p",
  files: [],
  workingFolder: undefined,
  permissionMode: "default",
  traceparent: "",
  limits: { wallMs: 1, outputBytes: 1, turns: undefined, budgetUsd: undefined },
};
const SHARED = [
  { home: "/home/a", declared: {}, config: "/home/a/.claude" },
  { home: undefined, declared: { CLAUDE_CONFIG_DIR: "/srv/login" }, config: "/srv/login" },
  { home: "/home/a", declared: { HOME: "/home/b" }, config: "/home/b/.claude" },
];

describe("the config folder of Claude Code", () => {
  it("is different for each run unless the operator names one", () => {
    assert.equal(configFolder(profile({}), { home: "/run/home" }), "/run/home/.claude");
    assert.equal(credentialsFile(profile({})), undefined);
    assert.notEqual(warmKey(profile({}), request), undefined);
  });

  it("is guarded against two refreshes at the same time, and no waiting process starts in it, with any setting that names it", () => {
    for (const { config, ...named } of SHARED) {
      assert.equal(configFolder(profile(named), { home: "/run/home" }), config);
      assert.equal(credentialsFile(profile(named)), `${config}/.credentials.json`);
      assert.equal(warmKey(profile(named), request), undefined);
    }
  });

  it("holds no refreshed login when a key or a token is set", () => {
    for (const [home, declared] of [["/home/a", { CLAUDE_CODE_OAUTH_TOKEN: "x" }]] as const) {
      assert.equal(credentialsFile(profile({ home, declared })), undefined);
    }
    assert.equal(credentialsFile(profile({ home: "/home/a", apiKey: "x" })), undefined);
  });
});

describe("a run of Claude Code in a sandbox", () => {
  it("reads the settings that an organisation manages, in each kind of config folder", async () => {
    const folder = { path: "/run", work: "/run/work", home: "/run/home", tmp: "/tmp/run" };
    for (const named of [{}, ...SHARED.map(({ home, declared }) => ({ home, declared }))])
      assert.ok((await access(profile(named), folder, false, false)).reads?.includes("/etc/claude-code"));
  });
});
