import assert from "node:assert/strict";
import { ExplainTaskResponse } from "@ccsp/protos/ccsp/gateway/v1/agent_service.js";
import { BlockerKind } from "@ccsp/protos/ccsp/task/v1/explanation.js";
import { TaskState } from "@ccsp/protos/ccsp/task/v1/task.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { textWidth } from "../output/text-width.js";
import { waitingLine, waitingWords } from "./waiting-words.js";

const NOW = new Date(2026, 0, 31, 18, 0, 0).getTime();
const at = (ms: number) => new Date(NOW + ms);
type Told = Parameters<typeof ExplainTaskResponse.fromPartial>[0];
const explained = (more: Told): ExplainTaskResponse =>
  ExplainTaskResponse.fromPartial({ state: TaskState.QUEUED, aheadInClass: 2n, ...more });
const line = (more: Told, width?: number) => {
  const words = waitingWords(explained(more), "normal", NOW);
  return words && waitingLine(words, width);
};
const estimate = (ms: number) => ({ p50: toDuration(ms), p90: toDuration(2 * ms), p95: toDuration(3 * ms) });
const slots = { kind: BlockerKind.NO_SLOT, message: "all 4 slots for claude-code are taken" };

describe("the line about a task that waits", () => {
  it("has its place, what keeps it back, and when it may start", () => {
    assert.equal(
      line({ blockers: [slots], estimate: estimate(125_000) }),
      "waiting: 3rd in normal; all 4 slots for claude-code are taken; starts in about 2 min",
    );
  });

  it("says each cause in words, and until when if that is known", () => {
    const gate = (message: string, until?: Date) => ({
      blockers: [{ kind: BlockerKind.GATE, message, ...(until && { until }) }],
    });
    const parked = { kind: BlockerKind.PARKED, message: "it is parked after OVERLOADED until it is tried again" };
    const early = { kind: BlockerKind.START_TIME, message: "its start time has not come", until: at(3 * 86_400_000) };
    const cases: readonly (readonly [string, Told])[] = [
      ["3rd in normal; everything is paused, by ada: release", gate("everything is paused, by ada: release")],
      [
        "3rd in normal; account main of claude-code is paused, by ccsp: usage window (until 20:00:00); " +
          "starts in 2 h at the earliest",
        {
          ...gate("account main of claude-code is paused, by ccsp: usage window", at(7_200_000)),
          earliestStartTime: at(7_200_000),
        },
      ],
      [
        "3rd in normal; no executor offers claude-code",
        { blockers: [{ kind: BlockerKind.NO_EXECUTOR, message: "no executor offers claude-code" }] },
      ],
      [
        "3rd in normal; 2 tasks of agent alice run, of at most 2 at once",
        { blockers: [{ kind: BlockerKind.CAP, message: "2 tasks of agent alice run, of at most 2 at once" }] },
      ],
      [
        "it is parked after OVERLOADED until it is tried again (until 18:00:05); starts in about 5 s",
        { state: TaskState.PARKED, blockers: [{ ...parked, until: at(5_000) }], estimate: estimate(5_000) },
      ],
      [
        "its start time has not come (until 2026-02-03 18:00:00); starts in about 3 days",
        { state: TaskState.SCHEDULED, blockers: [early], estimate: estimate(3 * 86_400_000) },
      ],
      ["1st in normal; it is next; starts soon", { aheadInClass: 0n, estimate: estimate(10) }],
      ["an executor has it and starts the engine", { state: TaskState.LEASED, aheadInClass: undefined }],
    ];
    for (const [expected, given] of cases) assert.equal(line(given), `waiting: ${expected}`);
    assert.equal(line({ state: TaskState.RUNNING, aheadInClass: undefined }), undefined);
  });

  it("counts places as people do", () => {
    const place = (ahead: bigint) =>
      waitingWords(explained({ aheadInClass: ahead }), "normal", NOW)?.place?.split(" ")[0];
    assert.deepEqual([0n, 1n, 2n, 3n, 10n, 11n, 12n, 20n, 110n, 121n].map(place), [
      "1st",
      "2nd",
      "3rd",
      "4th",
      "11th",
      "12th",
      "13th",
      "21st",
      "111th",
      "122nd",
    ]);
  });

  it("keeps the expected start in a narrow terminal, and cuts wide characters at a whole one", () => {
    const wide = { kind: BlockerKind.GATE, message: "everything is paused, by ada: リリースの準備をしています" };
    const given = { blockers: [wide, slots], estimate: estimate(120_000) };
    assert.deepEqual(
      [200, 100, 80, 60].map((width) => line(given, width - 1)),
      [
        "waiting: 3rd in normal; everything is paused, by ada: リリースの準備をしています; all 4 slots for claude-code are taken; starts in about 2 min",
        "waiting: everything is paused, by ada: リリースの準備をしています; starts in about 2 min",
        "waiting: everything is paused, by ada: リリースの準備を…; starts in about 2 min",
        "waiting: everything is paused, by a…; starts in about 2 min",
      ],
    );
    for (let width = 40; width <= 200; width += 1) {
      const shown = line(given, width);
      // The terminal line cuts what is still too long.
      if (width > 50) assert.ok(textWidth(shown ?? "") <= width, `${width}: ${shown}`);
    }
    assert.equal(line(given, 39), "waiting: everything is paused, by ada: リリースの準備をしています");
  });

  it("has the same cause while only numbers change", () => {
    const causeOf = (message: string, kind = BlockerKind.TURN) =>
      waitingWords(explained({ blockers: [{ kind, message }] }), "low", NOW)?.cause;
    assert.equal(causeOf("12 tasks have their turn before it"), causeOf("9 tasks have their turn before it"));
    assert.notEqual(causeOf("paused, by ada: a", BlockerKind.GATE), causeOf("paused, by ada: b", BlockerKind.GATE));
  });
});
