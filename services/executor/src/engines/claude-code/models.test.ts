import assert from "node:assert/strict";
import { modelsOf } from "./models.js";

describe("the models that a run of the CLI may ask", () => {
  const [SONNET, OPUS, HAIKU] = ["claude-sonnet-4-5-20250929", "claude-opus-4-6", "claude-haiku-4-5-20251001"] as const;
  const all = [SONNET, "claude-sonnet-4-5", "claude-sonnet-4", OPUS, HAIKU, "own", "sub", "sonnets", ""];
  const asked = (model: string, fallbackModels: readonly string[] = [], declared = {}) =>
    all.filter(modelsOf({ model, fallbackModels }, { declared }) ?? (() => true));

  it("are those of its task, by their names and families, and the small one", () => {
    assert.deepEqual(asked("claude-sonnet-4-5"), [SONNET, "claude-sonnet-4-5", HAIKU]);
    assert.deepEqual(asked("claude-sonnet-4-5[1m]"), [SONNET, "claude-sonnet-4-5", HAIKU]);
    assert.deepEqual(asked(SONNET), [SONNET, HAIKU]);
    assert.deepEqual(asked("sonnet[1m]"), [SONNET, "claude-sonnet-4-5", "claude-sonnet-4", HAIKU]);
    assert.deepEqual(asked("own", ["opus"]), [OPUS, HAIKU, "own"]);
  });

  it("are those too that the operator gives for these and for sub-agents", () => {
    const declared = {
      ANTHROPIC_DEFAULT_SONNET_MODEL: "own",
      CLAUDE_CODE_SUBAGENT_MODEL: "sub",
      ANTHROPIC_MODEL: OPUS,
    };
    assert.deepEqual(asked(OPUS, [], declared), [OPUS, HAIKU, "sub"]);
    assert.deepEqual(asked(OPUS, ["sonnet"], declared), [
      SONNET,
      "claude-sonnet-4-5",
      "claude-sonnet-4",
      OPUS,
      HAIKU,
      "own",
      "sub",
    ]);
    assert.deepEqual(asked(OPUS, [], { ANTHROPIC_SMALL_FAST_MODEL: "own" }), [OPUS, HAIKU, "own"]);
  });

  it("are all where its task names none", () => {
    assert.deepEqual(asked("", ["opus"]), all);
  });
});
