import assert from "node:assert/strict";
import { CliError, EXIT } from "../process/exit.js";
import { MOST_SEARCHED, names, shortId, wholeId } from "./task-id.js";

const ID = "0-01k7h8zq3v5c9m2n4p6r8s0t1w";
const OTHER = "3-01k7h8zq3v5c9m2n4aaaaas0t1w";

async function* tasks(...ids: readonly string[]): AsyncGenerator<{ id: string }, void> {
  for (const id of ids) yield { id };
}

const faultOf = async (text: string, ...ids: readonly string[]): Promise<CliError> => {
  const fault: unknown = await wholeId(text, () => tasks(...ids)).catch((error: unknown) => error);
  assert.ok(fault instanceof CliError);
  return fault;
};

describe("The short id of a task", () => {
  it("is the end of the id, and any end of four characters or more names the task", async () => {
    assert.equal(shortId(ID), "6r8s0t1w");
    assert.equal(shortId("something else"), "something else");
    for (const text of [shortId(ID), "8S0T1W", "2n4p6r8s0t1w"]) {
      assert.equal(await wholeId(text, () => tasks(OTHER, ID)), ID, text);
      assert.ok(names(text, ID));
    }
    assert.equal(names("t1w", ID), false);
  });

  it("is not looked up for a whole id, and for a text that is not an id the service says what is wrong", async () => {
    const never = () => assert.fail("it was looked up");
    for (const text of [ID, "t1w", "no such task", "task-17"]) assert.equal(await wholeId(text, never), text);
  });

  it("names the candidates when several tasks fit", async () => {
    const { code, lines } = await faultOf("s0t1w", ID, OTHER);
    assert.deepEqual(
      [code, ...lines],
      [EXIT.usage, "s0t1w matches the end of 2 task ids; give more characters:", ID, OTHER],
    );
  });

  it("says how many tasks were searched when none fits, which are the newest ones", async () => {
    const none = await faultOf("zzzzzzzz", ID);
    assert.equal(none.code, EXIT.notFound);
    assert.match(none.message, /^no task: none of the 1 task that you may see ends with zzzzzzzz; .*-o wide/);
    const many = Array.from({ length: MOST_SEARCHED }, () => OTHER);
    assert.match((await faultOf(shortId(ID), ...many, ID)).message, /none of the newest 2,000 tasks/);
  });
});
