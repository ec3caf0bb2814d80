import assert from "node:assert/strict";
import { createGate } from "./gate.js";
import { MarkerError, readMarkers, withoutMarkers } from "./markers.js";

describe("simulator markers", () => {
  const read = (prompt: string) => readMarkers(prompt, new Map());

  it("give an echo of a prompt without markers", () => {
    assert.deepEqual(read("hello [[not:one]]"), { answer: { kind: "answer" }, refusals: [] });
  });

  it("accept values plain, in double quotes and in single quotes, with sizes", () => {
    assert.equal(read("[[sim:text value=one]]").answer.text, "one");
    assert.equal(read('[[sim:text value="a [b]] c"]]').answer.text, "a [b]] c");
    assert.deepEqual(read(`[[sim:tool name=Bash input='{"command":"ls"}']]`).answer.tool?.input, { command: "ls" });
    assert.equal(read("[[sim:huge bytes=2M]]").answer.hugeBytes, 2 * 1024 * 1024);
    assert.equal(read("[[sim:echo rate=0.5]]").answer.tokensPerSecond, 0.5);
  });

  it("keep refusals in the order written, before the answer", () => {
    const { refusals, answer } = read("[[sim:text value=end]] [[sim:529 times=2]] [[sim:hang times=1]] [[sim:401]]");
    assert.deepEqual(
      refusals.map((refusal) => [refusal.kind === "fault" ? refusal.status : refusal.kind, refusal.times]),
      [
        [529, 2],
        ["silence", 1],
        [401, undefined],
      ],
    );
    assert.equal(answer.text, "end");
  });

  it("find a gate by its marker, and refuse an unknown gate", () => {
    const gate = createGate("7");
    const { answer } = readMarkers(gate.marker, new Map([["7", gate]]));
    assert.equal(answer.gate, gate);
    assert.throws(() => read("[[sim:gate id=8]]"), /no gate 8/);
  });

  it("refuse markers that are not in the list", () => {
    for (const prompt of [
      "[[sim:]]",
      "[[sim:HANG]]",
      "[[sim:hang for=5]]",
      "[[sim:tool name=x input={]]",
      "[[sim:text value]]",
    ]) {
      assert.throws(() => read(prompt), MarkerError, prompt);
    }
  });

  it("are not in the text that is echoed", () => {
    assert.equal(withoutMarkers("a [[sim:echo rate=5]] b [[other]]"), "a  b [[other]]");
  });
});
