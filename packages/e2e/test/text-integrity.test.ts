import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { collect } from "@ccsp/e2e-kit/collect.js";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";

const BOUND_MB = 400;

describe("text on its way from the model to the agent", function () {
  this.timeout(120_000);
  let world: World;
  before(async () => {
    world = await startWorld();
  });
  after(() => world.close());

  it("arrives intact when multi-byte characters are split at any byte", async () => {
    const prompt = "日本語のテキストと絵文字 👩‍👩‍👧‍👦🏳️‍🌈 and combining é [[sim:echo split=1]]";
    const { text, ended } = await collect(world.client("ann").run({ prompt }));
    assert.equal(ended.state, "SUCCEEDED");
    assert.ok(text.includes("日本語のテキストと絵文字 👩‍👩‍👧‍👦🏳️‍🌈 and combining é"), text.slice(0, 200));
    assert.ok(!text.includes("\uFFFD"));
    assert.equal(ended.result?.text, text);
  });

  it("arrives intact when it is 5 MB, with bounded memory in every service", async () => {
    const { text, ended } = await collect(world.client("ann").run({ prompt: "[[sim:huge bytes=5000000]]" }));
    assert.equal(ended.state, "SUCCEEDED");
    assert.ok(Buffer.byteLength(text) >= 5_000_000, `${Buffer.byteLength(text)} bytes`);
    const digest = (value: string) => createHash("sha256").update(value).digest("hex");
    assert.equal(digest(ended.result?.text ?? ""), digest(text));
    for (const { name, process } of world.fleet.processes()) {
      const peakMb = Number(/VmHWM:\s+(\d+)/.exec(await readFile(`/proc/${process.pid}/status`, "utf8"))?.[1]) / 1024;
      assert.ok(peakMb < BOUND_MB, `${name} peaked at ${Math.round(peakMb)} MB`);
    }
  });
});
