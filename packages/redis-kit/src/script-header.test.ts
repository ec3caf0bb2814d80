import assert from "node:assert/strict";
import { parseScriptHeader } from "./script-header.js";

const parse = (text: string) => parseScriptHeader("add_job.lua", text.trim().split("\n"));

describe("parseScriptHeader", () => {
  it("reads purpose, keys, arguments, reply and reasons, over several lines each", () => {
    const header = parse(`
-- add_job: store a job
-- at the tail.
--
-- KEYS  1 jobs     hash  id -> packed job,
--                        one each
--       2 readyIds list
-- ARGV  1 job id
--       2 now (ms), or ''
--         for the server's clock
-- RETURN 'ok'
--        | 'full'
--
-- Reasons: so that
-- ARGV of others is not read here.`);
    assert.deepEqual(header, {
      name: "add_job",
      purpose: "store a job at the tail.",
      keys: [
        { name: "jobs", type: "hash", note: "id -> packed job, one each" },
        { name: "readyIds", type: "list", note: "" },
      ],
      args: ["job id", "now (ms), or '' for the server's clock"],
      returns: "'ok' | 'full'",
      why: "Reasons: so that ARGV of others is not read here.",
    });
  });

  it("reads a script without keys or arguments", () => {
    const header = parse("-- add_job: x\n--\n-- RETURN 'ok'");
    assert.deepEqual([header.keys, header.args, header.why], [[], [], ""]);
  });

  for (const [fault, text] of [
    [/starts with no "name: purpose"/, "-- does something\n-- RETURN 'ok'"],
    [/KEYS 3 is out of order/, "-- add_job: x\n-- KEYS  1 a  hash\n--       3 b  hash"],
    [/KEYS starts with no number/, "-- add_job: x\n-- KEYS  jobs hash"],
    [/KEYS "jobs" is not/, "-- add_job: x\n-- KEYS  1 jobs"],
  ] as const) {
    it(`reports "${fault.source}" for an invalid header`, () => {
      assert.throws(() => parse(text), fault);
    });
  }
});
