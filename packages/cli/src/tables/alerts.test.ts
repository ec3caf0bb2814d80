import assert from "node:assert/strict";
import { Alert, AlertRuleStatus } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { tableLines } from "../output/table.js";
import { ALERT_COLUMNS, RULE_COLUMNS } from "./alerts.js";

describe("The tables of alerts", () => {
  const style = { width: 80, wide: false, colour: false };
  const newer: number = 9;

  it("show a state or severity of a newer monitor by its number", () => {
    const alert = Alert.fromPartial({ state: newer, severity: newer, rule: "r" });
    assert.match(tableLines(ALERT_COLUMNS, [alert], style)[1] ?? "", /^state 9 +severity 9 /);
    const status = AlertRuleStatus.fromPartial({ rule: { name: "r", severity: newer } });
    assert.match(tableLines(RULE_COLUMNS, [status], style)[1] ?? "", /^r +severity 9 /);
  });
});
