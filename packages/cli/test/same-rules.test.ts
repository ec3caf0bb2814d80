import assert from "node:assert/strict";
import { AGENT_ID } from "@ccsp/identity";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { wordsOf } from "@ccsp/protos/words.js";
import { agentOf } from "../src/auth/create-token.js";
import { CLASS_NAMES } from "../src/options/priority.js";

// Several packages contain these rules, because none of them may use another.
describe("rules that several packages share", () => {
  it("are the same for agent ids: the name of any user makes a valid one", () => {
    for (const user of ["ada", "ada@example.com", "Ada L. / 愛", "x".repeat(200), ""]) {
      assert.match(agentOf(user), AGENT_ID);
    }
  });

  it("are the same for the names of the classes", () => {
    assert.deepEqual(CLASS_NAMES, Object.keys(wordsOf(Priority)));
  });
});
