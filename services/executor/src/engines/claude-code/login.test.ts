import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogin } from "./login.js";

const MINUTE_MS = 60_000;

describe("an interactive login that runs do not have", () => {
  let dir: string;
  let file: string;
  let nowMs = 0;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), "ccsp-login-"));
    file = join(dir, ".credentials.json");
    nowMs = 1e12;
  });
  afterEach(() => rm(dir, { recursive: true }));

  const plan = { scopes: ["a"], subscriptionType: "max", rateLimitTier: "t" };
  const holds = (accessToken: string, inMs: number) => {
    const claudeAiOauth = { accessToken, refreshToken: "fake-r", expiresAt: nowMs + inMs, ...plan };
    return writeFile(file, JSON.stringify({ claudeAiOauth, mcpOAuth: { secret: "fake-m" } }));
  };
  let refreshes = 0;
  /** `next`: the token that a refresh brings. */
  const opened = (next?: string) => {
    refreshes = 0;
    const refresh = async () => {
      refreshes += 1;
      if (next !== undefined) await holds(next, 60 * MINUTE_MS);
    };
    return createLogin({ file, refresh, now: () => nowMs });
  };

  it("gives its token as it is now, and is refreshed once for all requests when it is about to end", async () => {
    const login = opened("second");
    await holds("first", 5 * MINUTE_MS);
    assert.equal(await login.token(), "first");
    nowMs += 2 * MINUTE_MS;
    assert.deepEqual(await Promise.all([login.token(), login.token(), login.token()]), ["second", "second", "second"]);
    await holds("third", 60 * MINUTE_MS);
    assert.equal(await login.token(), "third");
    assert.equal(refreshes, 1);
  });

  it("is tried again after a minute when a refresh fails, and gives the old token until then", async () => {
    const login = opened();
    await holds("old", MINUTE_MS);
    for (const waitMs of [0, 0, MINUTE_MS / 2, MINUTE_MS / 2]) {
      nowMs += waitMs;
      assert.equal(await login.token(), "old");
    }
    assert.equal(refreshes, 2);
  });

  it("is refreshed once when requests are refused, and not if it has another token by then", async () => {
    const login = opened("second");
    await holds("first", 60 * MINUTE_MS);
    assert.deepEqual(await Promise.all([login.renew("first"), login.renew("first")]), ["second", "second"]);
    assert.equal(refreshes, 1);
    nowMs += 2 * MINUTE_MS;
    assert.equal(await login.renew("first"), "second");
    assert.equal(refreshes, 1);
    assert.equal(await login.renew("second"), undefined);
    assert.equal(refreshes, 2);
  });

  it("has no token to give where there is no file", async () => {
    await assert.rejects(opened().token(), /no token/);
    assert.equal(await opened().standIn("placeholder"), "");
  });

  it("shows a run its plan, a token that never ends, and nothing else", async () => {
    await holds("first", 60 * MINUTE_MS);
    const shown: unknown = JSON.parse(await opened().standIn("placeholder"));
    const { expiresAt: _, ...rest } = (shown as { claudeAiOauth: { expiresAt: number } }).claudeAiOauth;
    assert.deepEqual(rest, { accessToken: "placeholder", ...plan });
    assert.doesNotMatch(JSON.stringify(shown), /fake/);
  });
});
