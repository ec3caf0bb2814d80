import assert from "node:assert/strict";
import { decodeEvent } from "@ccsp/events";
import { Event } from "@ccsp/protos/ccsp/event/v1/event.js";
import { ErrorCategory } from "@ccsp/protos/ccsp/task/v1/task.js";
import { summaryOf } from "../text/render.js";
import { noticeOfEvent } from "./notice-of-event.js";

type Data = NonNullable<Parameters<typeof Event.fromPartial>[0]["data"]>;

const time = new Date(5_000);
/** The parts that release 0.2.0 has, with the summary that lists and the file show. */
const noticeOf = (data: Data) => {
  const notice = noticeOfEvent(Event.fromPartial({ id: "0:1-1", time, taskId: "t1", agentId: "a1", data }));
  if (notice === undefined) return undefined;
  const { id, kind: eventType, time: eventTime, taskId, agentId } = notice;
  return { id, eventType, eventTime, taskId, agentId, summary: summaryOf(notice) };
};

describe("noticeOfEvent", () => {
  it("describes a completed task with engine, model and cost", () => {
    const value = { engine: "claude", model: "m", attempt: 2, costUsd: 0.01234 };
    assert.deepEqual(noticeOf({ $case: "taskCompleted", value }), {
      id: "0:1-1",
      eventType: "task.completed",
      eventTime: time,
      taskId: "t1",
      agentId: "a1",
      summary: "Task t1 of a1 completed by claude (m), attempt 2, $0.0123",
    });
  });

  it("says that a cost is unknown rather than nothing", () => {
    const notice = noticeOf({ $case: "taskCompleted", value: { engine: "claude", attempt: 1 } });
    assert.equal(notice?.summary, "Task t1 of a1 completed by claude, attempt 1, cost unknown");
  });

  it("says why a task failed", () => {
    const error = { category: ErrorCategory.OVERLOADED, message: "try\nlater" };
    const notice = noticeOf({ $case: "taskFailed", value: { engine: "claude", attempt: 1, error } });
    assert.equal(notice?.summary, "Task t1 of a1 failed on claude after 1 attempt: OVERLOADED, try later");
  });

  it("describes a cancelled task", () => {
    const summary = (reason: string) => noticeOf({ $case: "taskCancelled", value: { reason } })?.summary;
    assert.equal(summary("by hand"), "Task t1 of a1 was cancelled: by hand");
    assert.equal(summary(""), "Task t1 of a1 was cancelled");
  });

  it("describes an expired task", () => {
    const notice = noticeOf({ $case: "taskExpired", value: { engine: "claude" } });
    assert.equal(notice?.summary, "Task t1 of a1 expired: it did not start before its deadline");
  });

  it("says who paused and resumed which scope, until when and why", () => {
    const closed = { scope: "engine/claude", who: "ops", why: "a window", openTime: time };
    const summary = (data: Data) => noticeOf(data)?.summary;
    assert.equal(
      summary({ $case: "gateClosed", value: closed }),
      "ops paused engine/claude until 1970-01-01T00:00:05.000Z: a window",
    );
    assert.equal(
      summary({ $case: "gateClosed", value: { ...closed, openTime: undefined } }),
      "ops paused engine/claude until it is opened: a window",
    );
    assert.equal(summary({ $case: "gateOpened", value: { scope: "all", who: "ops", why: "" } }), "ops resumed all");
  });

  it("says that a login ended and what people must do", () => {
    const value = { engine: "claude", account: "team", executorId: "e1" };
    assert.match(
      noticeOf({ $case: "sessionTimeout", value })?.summary ?? "",
      /^The login of claude \(team\) ended, found by executor e1: .*until a person logs in/,
    );
  });

  it("describes an emergency stop and its end", () => {
    const summary = (data: Data) => noticeOf(data)?.summary;
    assert.equal(
      summary({ $case: "emergencyStop", value: { id: "s1", level: "KILL", who: "ops", why: "runaway" } }),
      "EMERGENCY STOP (KILL) by ops: runaway",
    );
    assert.equal(
      summary({ $case: "emergencyResume", value: { id: "s1", who: "ops", why: "mended" } }),
      "ops ended the emergency stop: mended",
    );
  });

  it("has the severity of an alert, read from its word or from its enum, and shows one that this version does not know", () => {
    const read = (severity: object) => {
      const fields = ["type", "alert.firing", "time", "1", "data", JSON.stringify({ rule: "r", ...severity })];
      const notice = noticeOfEvent(decodeEvent(0, "1-1", fields) ?? assert.fail());
      return [notice?.severity, notice?.facts["stated_severity"]];
    };
    assert.deepEqual(read({ severity: "info" }), ["info", undefined]);
    assert.deepEqual(read({ severityEnum: "ALERT_SEVERITY_INFO" }), ["info", undefined]);
    assert.deepEqual(read({ severity: "page", severityEnum: "ALERT_SEVERITY_PAGE" }), ["critical", "page"]);
  });

  it("says of a limit what CCSP does, and shows an action that this version does not know", () => {
    const read = (action: string) => {
      const data = JSON.stringify({ kind: "budget", name: "b", action });
      return noticeOfEvent(
        decodeEvent(0, "1-1", ["type", "usage.threshold", "time", "1", "data", data]) ?? assert.fail(),
      );
    };
    assert.equal(read("warn")?.severity, "warning");
    assert.deepEqual([read("park")?.severity, read("park")?.facts["parks"]], ["critical", "yes"]);
    assert.deepEqual([read("wipe")?.severity, read("wipe")?.facts["stated_action"]], ["critical", "wipe"]);
    assert.equal(read("park")?.facts["stated_action"], undefined);
  });

  it("is one line without control characters, cut at whole characters", () => {
    const reason = `\u001b[31mred\r\n\u2028${"🙂".repeat(300)}`;
    const summary = noticeOf({ $case: "taskCancelled", value: { reason } })?.summary ?? "";
    assert.doesNotMatch(summary, /[\p{Cc}\p{Zl}]/u);
    assert.ok(summary.endsWith("🙂…"));
    assert.ok(Array.from(summary).length < 250);
  });

  it("does not exist for events that only programs need", () => {
    assert.equal(noticeOf({ $case: "taskEnqueued", value: {} }), undefined);
    assert.equal(noticeOf({ $case: "taskStarted", value: {} }), undefined);
    assert.equal(noticeOf({ $case: "taskRetried", value: {} }), undefined);
  });
});
