import assert from "node:assert/strict";
import { bareNotice, type Notice } from "../domain/notice.js";
import { channelsConfig } from "../setup/channels-file.js";
import { minutesLeft, type RoutedChannel, route } from "./route.js";

const NOON = new Date("2026-01-30T12:00:00Z");
const CHANNELS: readonly RoutedChannel[] = ["file", "ops", "issues"].map((name) => ({
  name,
  records: name === "file",
  hasIssues: name === "issues",
  quietHours: undefined,
}));
const notice = (given: Partial<Notice> = {}): Notice =>
  bareNotice({ id: "1", kind: "task.failed", time: NOON, agentId: "ci-web", ...given });
const rulesOf = (...rules: object[]) =>
  channelsConfig({
    channels: [
      { name: "ops", type: "log" },
      { name: "issues", type: "log" },
    ],
    rules,
  }).rules;
const names = (given: Partial<Notice>, rules?: ReturnType<typeof rulesOf>, now = NOON) =>
  route(notice(given), { channels: CHANNELS, rules, now }).map(({ channel }) => channel);

describe("the routing of notices", () => {
  it("sends, without rules, everything to the file and warnings and more to every channel", () => {
    assert.deepEqual(names({}), ["file"]);
    assert.deepEqual(names({ severity: "warning" }), ["file", "ops", "issues"]);
    assert.deepEqual(names({ severity: "critical" }), ["file", "ops", "issues"]);
  });

  it("sends, with rules, what a rule fits to its channels, and everything to the file", () => {
    const rules = rulesOf(
      { kind: "task.*", agent: ["ci-*"], channels: ["ops"] },
      { severity: "critical", channels: ["issues"] },
      { labels: "team=a", channels: ["issues"] },
    );
    assert.deepEqual(names({}, rules), ["file", "ops"]);
    assert.deepEqual(names({ agentId: "ann" }, rules), ["file"]);
    assert.deepEqual(names({ kind: "gate.closed", severity: "critical" }, rules), ["file", "issues"]);
    assert.deepEqual(names({ kind: "x", labels: ["team=a"] }, rules), ["file", "issues"]);
    assert.deepEqual(names({ kind: "x", severity: "warning" }, rules), ["file"]);
  });

  it("says for each channel what has decided that it gets the notice", () => {
    const rules = rulesOf(
      { kind: "x", channels: ["ops"] },
      { kind: "task.*", channels: ["ops"] },
      { severity: "warning", channels: ["ops"] },
    );
    const whys = (given: Partial<Notice>, of?: typeof rules) =>
      route(notice(given), { channels: CHANNELS, rules: of, now: NOON }).map(({ why }) => why);
    const file = "the file gets everything";
    assert.deepEqual(whys({ severity: "warning" }, rules), [file, "rules.1, rules.2"]);
    assert.deepEqual(
      whys({ severity: "warning" }),
      [file, "there are no rules, and it is a warning or more"].concat(
        "there are no rules, and it is a warning or more",
      ),
    );
    assert.deepEqual(whys({ channels: ["ops"], openIssue: true }), [
      file,
      "the notice names the channel",
      "it opens an issue",
    ]);
  });

  it("sends to the channels that a notice names, and one with an issue to every channel with issues", () => {
    assert.deepEqual(names({ channels: ["ops"], severity: "critical" }), ["file", "ops"]);
    assert.deepEqual(names({ channels: [], severity: "critical" }), ["file"]);
    assert.deepEqual(names({ openIssue: true }), ["file", "issues"]);
  });

  it("knows times of day in a time zone, past midnight, on days of the week, and across a change of the clock", () => {
    const night = { from: 22 * 60, to: 7 * 60, days: [], timeZone: "Asia/Tokyo" };
    assert.equal(minutesLeft(night, new Date("2026-01-30T13:00:00Z")), 9 * 60);
    assert.equal(minutesLeft(night, new Date("2026-01-30T21:59:00Z")), 1);
    assert.equal(minutesLeft(night, new Date("2026-01-30T22:00:00Z")), undefined);
    // 2026-01-30 is a Friday. The hours that begin on Friday go on in the morning of Saturday.
    const friday = { ...night, days: [5], timeZone: "UTC" };
    assert.equal(minutesLeft(friday, new Date("2026-01-31T06:00:00Z")), 60);
    assert.equal(minutesLeft(friday, new Date("2026-01-30T06:00:00Z")), undefined);
    const berlin = { from: 9 * 60, to: 17 * 60, days: [], timeZone: "Europe/Berlin" };
    assert.equal(minutesLeft(berlin, new Date("2026-03-28T08:00:00Z")), 480, "09:00 in winter");
    assert.equal(minutesLeft(berlin, new Date("2026-03-29T07:00:00Z")), 480, "09:00 in summer");
  });

  it("holds what matters little back in quiet hours, and nothing else", () => {
    const quietHours = { from: 22 * 60, to: 7 * 60, days: [], timeZone: "UTC", below: "critical" } as const;
    const channels = CHANNELS.map((each) => ({ ...each, quietHours }));
    const night = new Date("2026-01-30T23:00:00Z");
    const at = (severity: Notice["severity"]) =>
      route(notice({ severity }), { channels, rules: undefined, now: night }).map(({ channel, notBefore }) => [
        channel,
        notBefore?.toISOString(),
      ]);
    const morning = "2026-01-31T07:00:00.000Z";
    assert.deepEqual(at("warning"), [
      ["file", undefined],
      ["ops", morning],
      ["issues", morning],
    ]);
    assert.deepEqual(at("critical")[1], ["ops", undefined]);
  });

  it("ends quiet hours at their time of day, also when the clocks change in between", () => {
    const endOf = (now: string, to: number, timeZone = "Europe/Berlin") => {
      const quietHours = { from: 22 * 60, to, days: [], timeZone, below: "critical" } as const;
      const channels = CHANNELS.map((each) => ({ ...each, quietHours }));
      const at = new Date(now);
      return route(notice({ severity: "warning" }), {
        channels,
        rules: undefined,
        now: at,
      })[1]?.notBefore?.toISOString();
    };
    const seven = 7 * 60;
    // Clocks go forward at 02:00 on 2026-03-29, and back at 03:00 on 2026-10-25.
    assert.equal(endOf("2026-03-28T22:30:00Z", seven), "2026-03-29T05:00:00.000Z", "07:00 in summer");
    assert.equal(endOf("2026-03-29T02:00:00Z", seven), "2026-03-29T05:00:00.000Z", "after the change");
    assert.equal(endOf("2026-10-24T21:30:00Z", seven), "2026-10-25T06:00:00.000Z", "07:00 in winter");
    assert.equal(endOf("2026-10-25T02:00:00Z", seven), "2026-10-25T06:00:00.000Z", "after the change");
    assert.equal(endOf("2026-03-28T22:30:00Z", 150), "2026-03-29T01:30:00.000Z", "there is no 02:30 on this day");
    assert.equal(endOf("2026-10-24T21:30:00Z", 150), "2026-10-25T00:30:00.000Z", "the first 02:30");
    assert.equal(
      endOf("2026-10-03T14:00:00Z", seven, "Australia/Lord_Howe"),
      "2026-10-03T20:00:00.000Z",
      "half an hour",
    );
    assert.equal(endOf("2026-01-30T22:30:15Z", seven), "2026-01-31T06:00:15.000Z", "without a change");
  });

  it("names everything that is wrong with the file of channels", () => {
    assert.throws(
      () => channelsConfig({ channels: [{ name: "Ops", type: "log" }], rule: [] }),
      /channels\.0\.name: must be 1 to 63.*Unrecognized key: "rule"/s,
    );
    assert.throws(() => rulesOf({ channels: ["pager"] }), /rules\.0\.channels: there is no channel named pager/);
    assert.throws(() => channelsConfig({ channels: [{ name: "file", type: "log" }] }), /two channels named file/);
    assert.throws(
      () => rulesOf({ hours: { from: "9:00", to: "17:00", timeZone: "Mars" }, channels: ["ops"] }),
      /rules\.0\.hours\.from: must be a time of day.*timeZone: must be a name/s,
    );
  });
});
