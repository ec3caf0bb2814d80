import assert from "node:assert/strict";
import * as fc from "fast-check";
import { readScope, type Scope, scopeName } from "./scope.js";

const STORED: Readonly<Record<string, Scope>> = {
  all: { kind: "all" },
  emergency: { kind: "emergency" },
  "class/high": { kind: "class", class: "high" },
  "engine/claude-code": { kind: "engine", engine: "claude-code" },
  "agent/alice@x": { kind: "agent", agent: "alice@x" },
  "label/repo=a%2Fb": { kind: "label", label: "repo=a%2Fb" },
  "account/claude-code/": { kind: "account", engine: "claude-code", account: "" },
  "account/claude-code/team": { kind: "account", engine: "claude-code", account: "team" },
  "budget/all": { kind: "budget", of: { kind: "all" } },
  "budget/agent/alice": { kind: "budget", of: { kind: "agent", agent: "alice" } },
  "budget/label/repo=a%2Fb": { kind: "budget", of: { kind: "label", label: "repo=a%2Fb" } },
  "model/a%2Fb%201": { kind: "model", model: "a%2Fb%201" },
  "budget/model/m": { kind: "budget", of: { kind: "model", model: "m" } },
  "budget/engine/e": { kind: "budget", of: { kind: "engine", engine: "e" } },
  "budget/account/e/team": { kind: "budget", of: { kind: "account", engine: "e", account: "team" } },
  "executor/ex-1/claude-code": { kind: "executor", executor: "ex-1", engine: "claude-code" },
};

describe("a scope", () => {
  it("is stored under one name and can be read again from it", () => {
    for (const [name, scope] of Object.entries(STORED)) {
      assert.deepEqual(readScope(name), scope);
      assert.equal(scopeName(scope), name);
    }
  });

  it("keeps a name that another release has stored", () => {
    for (const name of [
      "region/eu",
      "all/x",
      "class/later",
      "account/claude-code",
      "engine/a/b",
      "budget/class/high",
      "",
    ]) {
      assert.deepEqual(readScope(name), { kind: "unknown", name });
    }
    const kinds = ["all", "class", "engine", "agent", "label", "account", "executor", "model", "emergency", "budget"];
    const parts = fc.array(fc.constantFrom("a", "", "=", "high", "%", "\n", ...kinds), { maxLength: 4 });
    const names = fc.tuple(fc.constantFrom(...kinds), parts).map(([kind, rest]) => [kind, ...rest].join("/"));
    fc.assert(fc.property(names, (name) => scopeName(readScope(name)) === name));
  });
});
