import assert from "node:assert/strict";
import type { Delivered } from "../domain/notice.js";
import { fromJsonLine, toJsonLine } from "./json-line.js";

describe("the line of a delivery", () => {
  const delivered: Delivered = {
    id: "1",
    eventType: "task.cancelled",
    eventTime: new Date(1_000),
    taskId: "t",
    agentId: "エージェント",
    summary: "Task t was cancelled 🙂",
    channel: "file",
    deliveryTime: new Date(2_000),
  };

  it("is what release 0.3.0 wrote", () => {
    const stored = {
      id: "1",
      eventType: "task.cancelled",
      eventTime: "1970-01-01T00:00:01.000Z",
      channel: "file",
      deliveryTime: "1970-01-01T00:00:02.000Z",
      taskId: "t",
      agentId: "エージェント",
      summary: "Task t was cancelled 🙂",
    };
    assert.equal(toJsonLine(delivered), JSON.stringify(stored));
    assert.deepEqual(fromJsonLine(JSON.stringify(stored)), delivered);
  });

  it("is read as it was written when its event gives a year that RFC 3339 does not have", () => {
    const early = { ...delivered, eventTime: new Date("-000711-03-01T12:00:00Z") };
    assert.deepEqual(fromJsonLine(toJsonLine(early)), early);
  });
});
