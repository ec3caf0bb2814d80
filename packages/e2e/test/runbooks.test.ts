import assert from "node:assert/strict";
import { readPage } from "@ccsp/docs-generator/blocks.js";
import { DEFAULT_RULES, PROMETHEUS_ONLY_RULES } from "@ccsp/monitor";
import { parse } from "yaml";

const PAGE = "docs/runbooks.md";

/** The part of a file of rules that this test reads. */
interface Rules {
  readonly groups: readonly {
    readonly rules: readonly { readonly alert: string; readonly annotations: Readonly<Record<string, string>> }[];
  }[];
}

describe("The runbooks", () => {
  const sections = readPage(PAGE).split(/^## /m).slice(1);
  const named = sections.map((section) => section.split("\n", 1)[0] ?? "");

  it("have a section for each built-in rule, and for nothing else", () => {
    const rules = [...DEFAULT_RULES, ...PROMETHEUS_ONLY_RULES].map(({ name }) => name);
    assert.deepEqual(named.toSorted(), rules.toSorted());
  });

  it("say in each section what the alert means, and name something to look at or another section", () => {
    for (const section of sections) {
      assert.match(section, /^\S+\n\n\*\*Means\*\*: /);
      assert.match(section, /`[^`]+`|\]\(/);
    }
  });

  it("are named by each rule for Prometheus", () => {
    const { groups }: Rules = parse(readPage("deploy/prometheus/rules.yaml"));
    const rules = groups.flatMap((group) => group.rules);
    assert.ok(rules.length > 10);
    for (const { alert, annotations } of rules) {
      const [page, section] = (annotations["runbook_url"] ?? "").split("#");
      assert.deepEqual([page, named.includes(section ?? "")], [PAGE, true], alert);
    }
  });
});
