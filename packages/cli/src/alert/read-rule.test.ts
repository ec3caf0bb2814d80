import assert from "node:assert/strict";
import { AlertCondition, AlertRule, AlertSeverity } from "@ccsp/protos/ccsp/monitor/v1/alerts.js";
import { toDuration } from "@ccsp/protos/duration.js";
import { toJson } from "@ccsp/protos/json.js";
import { yamlDocument } from "../output/yaml.js";
import { readRule } from "./read-rule.js";

const RULE = AlertRule.fromPartial({
  name: "hot",
  metric: "heat",
  matchers: [
    { label: "room", value: "a" },
    { label: "floor", value: "", negated: true },
  ],
  condition: AlertCondition.AT_LEAST,
  threshold: 0.5,
  fireAfter: toDuration(90_000),
  keepFiringFor: toDuration(0),
  severity: AlertSeverity.CRITICAL,
  labels: { team: "core" },
  summary: "{room} is hot",
  whatToDo: "open a window",
  channels: ["mail"],
  disabled: true,
});

describe("a rule in a file", () => {
  it("is what the command prints, as JSON and as YAML, whole or as a part of its status", async () => {
    const json = toJson("ccsp.monitor.v1.AlertRule", RULE);
    for (const document of [json, { rule: json, firing: 3 }])
      for (const text of [JSON.stringify(document), yamlDocument(document)])
        assert.deepEqual(await readRule(text, "--file x"), RULE, text);
  });

  it("is refused with the field that is wrong", async () => {
    const refused = (text: string, why: RegExp) => assert.rejects(readRule(text, "--file x"), why);
    await refused("[", /--file x: Flow sequence/);
    await refused("just text", /it is not a rule/);
    await refused("colour: red", /colour is not a field of a rule; the fields are name, metric, /);
    await refused("threshold: high", /threshold has a wrong value: "high"/);
    await refused("condition: ABOUT", /condition has a wrong value/);
    await refused("fireAfter: soon", /fireAfter has a wrong value/);
    await refused("matchers: [{label: 3}]", /matchers has a wrong value/);
    await refused("labels: {a: {}}", /labels has a wrong value/);
  });
});
