import assert from "node:assert/strict";
import { mock } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { createRandom } from "@ccsp/e2e-kit/random.js";
import { Known } from "./known.js";
import { requestBytes } from "./request.js";
import { fuzzedRpcs } from "./rpcs.js";

describe("the fuzzed requests", function () {
  this.timeout(20_000);
  const rpcs = fuzzedRpcs();
  const known = new Known({});

  it("are the same for the same seed", () => {
    // Plausible times are near now.
    mock.timers.enable({ apis: ["Date"] });
    for (const { method } of rpcs) {
      const made = () => requestBytes(method.input, createRandom(`7 ${method.name}`), known).toString("hex");
      assert.ok(made() === made(), method.name);
    }
    mock.timers.reset();
  });

  it("of each RPC are read by a decoder of its message mostly, and sometimes not", async () => {
    for (const { method } of rpcs.filter(({ method: { input } }) => input.fields.length > 0)) {
      // The limit of this test follows the machine's slowness, which is measured between two turns.
      await setImmediate();
      const read = Array.from({ length: 60 }, (_, index) => {
        try {
          toBinary(method.input, fromBinary(method.input, requestBytes(method.input, createRandom(`${index}`), known)));
          return true;
        } catch {
          return false;
        }
      });
      const readable = read.filter((good) => good).length;
      assert.ok(readable > 20 && readable < 60, `${method.name}: ${readable}`);
    }
  });

  it("repeat what an answer had, together", () => {
    const sync = rpcs.find(({ path }) => path.endsWith("QueueService/Sync"));
    const complete = rpcs.find(({ path }) => path.endsWith("QueueService/Complete"));
    assert.ok(sync && complete);
    // One lease: the task "t1" with the fence 42.
    known.learn(sync.method.output, Buffer.from("0a060a027431102a", "hex"));
    const texts = Array.from({ length: 50 }, (_, index) =>
      requestBytes(complete.method.input, createRandom(`${index}`), known).toString("hex"),
    );
    assert.ok(texts.filter((text) => text.startsWith("0a027431102a")).length > 10);
  });
});
