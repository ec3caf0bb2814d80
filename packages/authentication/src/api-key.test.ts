import assert from "node:assert/strict";
import {
  API_KEY_ID,
  formatApiKey,
  hashOfSecret,
  isApiKey,
  newApiKeyId,
  newApiKeySecret,
  parseApiKey,
} from "./api-key.js";

function newKey() {
  const id = newApiKeyId();
  const secret = newApiKeySecret(id);
  return { id, secret, bearer: formatApiKey({ id, secret }) };
}

describe("an API key", () => {
  it("is read back from its text, and is one word that a terminal, a shell and an address take as it is", () => {
    const { id, secret, bearer } = newKey();
    assert.deepEqual(parseApiKey(bearer), { id, secret });
    assert.match(bearer, /^ccsp_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/);
    assert.match(id, API_KEY_ID);
    assert.ok(isApiKey(bearer));
    assert.ok(!isApiKey("eyJhbGciOiJIUzI1NiJ9.e30.sig"));
  });

  it("is another one each time", () => {
    const made = Array.from({ length: 1_000 }, newKey);
    assert.equal(new Set(made.map(({ id }) => id)).size, 1_000);
    assert.equal(new Set(made.map(({ secret }) => secret)).size, 1_000);
    assert.equal(new Set(made.map(({ secret }) => hashOfSecret(secret))).size, 1_000);
  });

  it("is not one any more when a character is wrong, missing, exchanged or too many", () => {
    const { bearer } = newKey();
    const wrong = Array.from(
      bearer,
      (char, at) => `${bearer.slice(0, at)}${char === "x" ? "y" : "x"}${bearer.slice(at + 1)}`,
    );
    const swapped = bearer.replace(/(.)(.)$/, (_, one: string, other: string) => (one === other ? "" : other + one));
    for (const text of [...wrong, swapped, bearer.slice(0, -1), `${bearer}x`, ` ${bearer}`, "ccsp_", "ccsp__", ""]) {
      assert.equal(parseApiKey(text), undefined, text);
    }
  });
});
