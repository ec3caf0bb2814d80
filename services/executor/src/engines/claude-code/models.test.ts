import assert from "node:assert/strict";
import { modelsOf } from "./models.js";

describe("the models that a run of the CLI may ask", () => {
  const [DATED, SONNET, OPUS, HAIKU] = [
    "claude-sonnet-4-5-20250929",
    "claude-sonnet-4-5",
    "claude-opus-4-6",
    "claude-haiku-4-5-20251001",
  ] as const;
  const all = [DATED, SONNET, "claude-sonnet-4", OPUS, HAIKU, "gw-mid", "gw-small", "sonnets", ""];
  const asked = (model: string, fallbackModels: readonly string[] = [], declared = {}) =>
    all.filter(modelsOf({ model, fallbackModels }, { declared }) ?? (() => true));

  it("are those of its task, by their names and families, and the small one", () => {
    assert.deepEqual(asked(SONNET), [DATED, SONNET, HAIKU]);
    assert.deepEqual(asked(`${SONNET}[1m]`), [DATED, SONNET, HAIKU]);
    assert.deepEqual(asked(DATED), [DATED, HAIKU]);
    assert.deepEqual(asked("Sonnet[1m]"), [DATED, SONNET, "claude-sonnet-4", HAIKU]);
    assert.deepEqual(asked("gw-mid", ["opus"]), [OPUS, HAIKU, "gw-mid"]);
    assert.deepEqual(asked("claude"), [HAIKU]);
  });

  it("are those too to which the CLI goes over by itself", () => {
    assert.deepEqual(asked("opusplan"), [DATED, SONNET, "claude-sonnet-4", OPUS, HAIKU]);
    assert.deepEqual(asked("claude-fable-5"), [OPUS, HAIKU]);
  });

  it("are those too that the operator's variables name, and give for names", () => {
    const given = { ANTHROPIC_DEFAULT_SONNET_MODEL: "gw-mid", ANTHROPIC_DEFAULT_HAIKU_MODEL: "gw-small" };
    assert.deepEqual(asked(OPUS, [], given), [OPUS, HAIKU, "gw-small"]);
    assert.deepEqual(asked("sonnet", [], given), [DATED, SONNET, "claude-sonnet-4", HAIKU, "gw-mid", "gw-small"]);
    const subagents = { ...given, CLAUDE_CODE_SUBAGENT_MODEL: "sonnet" };
    assert.deepEqual(asked(OPUS, [], subagents), all.slice(0, 7));
    assert.deepEqual(asked(OPUS, [], { ANTHROPIC_SMALL_FAST_MODEL: "gw-small" }), [OPUS, HAIKU, "gw-small"]);
    assert.deepEqual(asked(SONNET, [], { ANTHROPIC_MODEL: OPUS }), [DATED, SONNET, HAIKU]);
  });

  it("are all where its task leaves the choice to the CLI", () => {
    for (const [model, ...fallbacks] of [["", "opus"], ["best"], ["default"], ["sonnet", "best"]] as const)
      assert.deepEqual(asked(model, fallbacks), all);
  });
});
