import assert from "node:assert/strict";
import { PRIORITIES } from "@ccsp/client/plain";
import { AGENT_ID } from "@ccsp/identity";
import { EmergencyLevel } from "@ccsp/protos/ccsp/queue/v1/queue_service.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { agentOf } from "../src/auth/create-token.js";
import { LEVELS } from "../src/commands/emergency.js";
import { CLASS_NAMES } from "../src/options/priority.js";

/** The names of an enum that a program may use, in the form in which they are written here. */
const wordsOf = (names: object): string[] =>
  Object.keys(names)
    .filter((name) => /^[A-Z]/.test(name) && name !== "UNSPECIFIED" && name !== "UNRECOGNIZED")
    .map((name) => name.toLowerCase().replace("_", "-"));

// Several packages contain these rules, because none of them may use another.
describe("rules that several packages share", () => {
  it("are the same for agent ids: the name of any user makes a valid one", () => {
    for (const user of ["ada", "ada@example.com", "Ada L. / 愛", "x".repeat(200), ""]) {
      assert.match(agentOf(user), AGENT_ID);
    }
  });

  it("are the same for names in the contract: classes, and levels of an emergency stop", () => {
    assert.deepEqual(CLASS_NAMES, wordsOf(Priority));
    assert.deepEqual(Object.keys(PRIORITIES), wordsOf(Priority));
    assert.deepEqual(Object.keys(LEVELS), wordsOf(EmergencyLevel));
    for (const [word, priority] of Object.entries(PRIORITIES)) assert.equal(Priority[priority].toLowerCase(), word);
    for (const [word, level] of Object.entries(LEVELS)) {
      assert.equal(EmergencyLevel[level].toLowerCase().replace("_", "-"), word);
    }
  });
});
