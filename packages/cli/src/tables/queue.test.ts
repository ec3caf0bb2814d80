import assert from "node:assert/strict";
import { Depth } from "@ccsp/protos/ccsp/queue/v1/status.js";
import { Priority } from "@ccsp/protos/ccsp/task/v1/task.js";
import { tableLines } from "../output/table.js";
import { DEPTH_COLUMNS } from "./queue.js";

describe("The table of what waits in the queue", () => {
  const depth = Depth.fromPartial({ engine: "claude-code", priority: Priority.NORMAL, paused: true });
  const headers = (width: number) => tableLines(DEPTH_COLUMNS, [depth], { width, wide: false, colour: false })[0];

  it("leaves out columns until it fits the terminal: what is paused has a table of its own", () => {
    assert.equal(headers(80), "ENGINE       CLASS   WAITING  OLDEST  RUNNING  FOR LATER  STATE");
    assert.equal(headers(50), "ENGINE    CLASS   WAITING  OLDEST  RUNNING  STATE");
    assert.equal(headers(40), "ENGINE       CLASS   WAITING  RUNNING");
  });
});
