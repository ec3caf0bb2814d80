import assert from "node:assert/strict";
import { Refusal } from "@ccsp/errors";
import { pino } from "pino";
import { createAudit } from "./audit.js";

const SUBMIT = "/ccsp.gateway.v1.AgentService/SubmitTask";

describe("audit lines", () => {
  let lines: { readonly msg: string; readonly agent?: string; readonly peer?: string; readonly left?: number }[];
  let nowMs: number;
  beforeEach(() => {
    lines = [];
    nowMs = 1_000_000;
  });
  const start = () =>
    createAudit(pino({ base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) }), () => nowMs);
  const refuse = (audit: ReturnType<typeof start>, agent?: string): void => {
    const entry = audit(SUBMIT, "10.0.0.1:1");
    if (agent !== undefined) entry.caller(agent);
    entry.failed(new Refusal("TOKEN_MISSING", "who are you?"));
  };

  it("of callers who prove nothing are bounded, so that no stranger fills the disk, and the log says how many are missing", () => {
    const audit = start();
    for (let call = 0; call < 10_000; call += 1) refuse(audit);
    assert.equal(lines.length, 200);
    nowMs += 10_000;
    refuse(audit);
    assert.equal(lines.length, 202);
    assert.equal(lines[200]?.left, 9_800);
    assert.equal(lines[201]?.peer, "10.0.0.1:1");
  });

  it("of a proven caller are all there, also in a flood of strangers", () => {
    const audit = start();
    for (let call = 0; call < 1_000; call += 1) refuse(audit);
    for (let call = 0; call < 1_000; call += 1) refuse(audit, "alice");
    assert.equal(lines.filter(({ agent }) => agent === "alice").length, 1_000);
  });
});
