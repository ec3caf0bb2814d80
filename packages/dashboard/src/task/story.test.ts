import assert from "node:assert/strict";
import type { LogEntry } from "./log.js";
import { messagesOf, storyOf } from "./story.js";

const START = Date.parse("2026-01-01T00:00:00Z");
type Kind = Omit<LogEntry, "sequence" | "time" | "attempt">;

/** A log from the seconds, the attempt and the kind of each entry. */
const log = (...entries: readonly (readonly [seconds: number, attempt: number, kind: Kind])[]): LogEntry[] =>
  entries.map(([seconds, attempt, kind], index) => ({
    sequence: index + 1,
    time: new Date(START + seconds * 1000).toISOString(),
    attempt,
    ...kind,
  }));
const state = (name: string): Kind => ({ stateChanged: { state: name, reason: "" } });
const text = (written: string, message = 1): Kind => ({ textDelta: { text: written, message } });
const tool = (name: string): Kind => ({ toolUse: { name } });
const overloaded = { category: "OVERLOADED", message: "overloaded", retryable: true, source: "PROVIDER" };

const story = (entries: readonly LogEntry[]) =>
  storyOf(new Date(START).toISOString(), entries).map((phase) => {
    const span = `${(phase.from - START) / 1000}-${phase.to === undefined ? "" : (phase.to - START) / 1000}`;
    return `${phase.kind === "attempt" ? `attempt ${phase.number} ` : ""}${phase.state} ${span}`;
  });

describe("the story of a task", () => {
  it("is a wait from the acceptance on while the log has nothing else", () => {
    assert.deepEqual(story([]), ["QUEUED 0-"]);
    assert.deepEqual(story(log([0, 0, state("SCHEDULED")])), ["SCHEDULED 0-"]);
  });

  it("has each wait and each attempt with its end, as the log tells them", () => {
    const entries = log(
      [0, 0, state("QUEUED")],
      [2, 1, state("RUNNING")],
      [5, 1, { stateChanged: { state: "PARKED", reason: "", error: overloaded } }],
      [65, 1, state("QUEUED")],
      [66, 2, state("LEASED")],
      [67, 2, state("RUNNING")],
      [70, 2, { taskEnded: { state: "SUCCEEDED" } }],
    );
    assert.deepEqual(story(entries), [
      "QUEUED 0-2",
      "attempt 1 FAILED 2-5",
      "PARKED 5-65",
      "QUEUED 65-66",
      "attempt 2 SUCCEEDED 66-70",
    ]);
  });

  it("goes on after the end of a task that was put back", () => {
    const entries = log(
      [1, 1, state("RUNNING")],
      [2, 1, { taskEnded: { state: "FAILED" } }],
      [9, 1, state("QUEUED")],
      [10, 2, state("RUNNING")],
    );
    assert.deepEqual(story(entries), ["QUEUED 0-1", "attempt 1 FAILED 1-2", "QUEUED 9-10", "attempt 2 RUNNING 10-"]);
  });

  it("ends the use of a tool where the engine goes on, and joins text that comes without a break", () => {
    const entries = log(
      [1, 1, state("RUNNING")],
      [2, 1, tool("Read")],
      [4, 1, tool("Grep")],
      [6, 1, text("a")],
      [7, 1, text("b")],
      [20, 1, text("c")],
    );
    const [, attempt] = storyOf(new Date(START).toISOString(), entries);
    assert.ok(attempt?.kind === "attempt");
    const seconds = ({ from, to = 0 }: { from: number; to?: number }) => [(from - START) / 1000, (to - START) / 1000];
    assert.deepEqual(attempt.tools.map(seconds), [
      [2, 4],
      [4, 6],
    ]);
    assert.deepEqual(attempt.texts.map(seconds), [
      [6, 7],
      [20, 20],
    ]);
  });
});

describe("the answer so far", () => {
  it("is the last message of the newest attempt that was not taken back", () => {
    const entries = log(
      [1, 1, text("of an attempt that failed")],
      [2, 2, text("I look. ", 1)],
      [3, 2, text("wrong", 2)],
      [4, 2, { textTakenBack: { message: 2 } }],
      [5, 2, text("It is ", 3)],
      [6, 2, text("so.", 3)],
    );
    assert.deepEqual(messagesOf(entries), ["I look. ", "It is so."]);
  });
});
