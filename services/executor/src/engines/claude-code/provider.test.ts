import assert from "node:assert/strict";
import { brokered } from "./provider.js";

describe("the login of the CLI at the broker", () => {
  it("is the one that the operator has declared last for this provider, else the first", async () => {
    const none = { home: undefined, apiKey: undefined, baseUrl: undefined, maxRetries: 0 };
    const declared = { ANTHROPIC_AUTH_TOKEN: "first", ANTHROPIC_BASE_URL: "https://one.test" };
    let now: Readonly<Record<string, string>> = declared;
    const [login] =
      brokered(
        { ...none, declared, declaredNow: async () => now },
        { token: async () => "", renew: async () => undefined },
      )?.provider.login ?? [];
    const after = async (next: Readonly<Record<string, string>>) => {
      now = next;
      return await login?.secret();
    };
    assert.equal(await after({ ...declared, ANTHROPIC_AUTH_TOKEN: "second" }), "second");
    assert.equal(await after({ ANTHROPIC_AUTH_TOKEN: "of two", ANTHROPIC_BASE_URL: "https://two.test" }), "first");
    assert.equal(await after({ ANTHROPIC_AUTH_TOKEN: "of the default" }), "first");
    assert.equal(await after({ ANTHROPIC_BASE_URL: "https://one.test" }), "first");
    assert.equal(await after({ ...declared, ANTHROPIC_AUTH_TOKEN: "third" }), "third");
  });
});
