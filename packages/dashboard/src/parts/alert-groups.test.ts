import assert from "node:assert/strict";
import type { Alert } from "../routes.js";
import { groupsOf } from "./alert-groups.js";

const alert = (id: string, rule: string, severity: Alert["severity"]): Alert => ({
  ...{ id, rule, severity, labels: {}, state: "FIRING", value: 1, valueText: "1", summary: id, whatToDo: "" },
  ...{ toldId: "", silencedBy: [] },
});
const ids = (alerts: readonly Alert[]) => alerts.map(({ id }) => id);

describe("Alerts on a page", () => {
  it("stand together by their rule, the most severe rule first", () => {
    const alerts = [
      alert("late-1", "instance-late", "WARNING"),
      alert("full-1", "disk-full", "CRITICAL"),
      alert("late-2", "instance-late", "WARNING"),
      alert("full-2", "disk-full", "CRITICAL"),
    ];
    assert.deepEqual(groupsOf(alerts).map(ids), [
      ["full-1", "full-2"],
      ["late-1", "late-2"],
    ]);
  });
});
