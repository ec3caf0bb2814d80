import assert from "node:assert/strict";
import { NO_OPTIONS } from "@ccsp/engine-kit";
import { judgePath, limitsOf, mayInspect, type Policy, policedParts, refusals } from "./policy.js";
import type { Lease } from "./queue.js";

const policy: Policy = {
  roots: ["/srv/a"],
  permissionModes: ["default", "plan"],
  deniedTools: ["WebFetch", "Bash(rm:*)"],
  wallMs: 3_600_000,
  maxWallMs: 7_200_000,
  outputBytes: 1_000,
  projectSettings: false,
  maxTurns: 10,
  maxBudgetUsd: 2.5,
  includeBytes: 100,
};
const nothing: Lease = {
  ...NO_OPTIONS,
  taskId: "t",
  fence: 1n,
  agentId: "a",
  engine: "e",
  prompt: "p",
  attachments: [],
  includeFiles: [],
  workingFolder: "",
  permissionMode: undefined,
  conversation: undefined,
  attempt: 1,
  traceparent: "",
  previousTraceparent: "",
  limits: { wallMs: undefined, outputBytes: undefined, turns: undefined, budgetUsd: undefined },
};
const refusalsOf = (asked: Partial<Lease>, differs: Partial<Policy> = {}) =>
  refusals({ ...nothing, ...asked }, { ...policy, ...differs }).join("; ");
const limits = (asked: Partial<Lease["limits"]>) => ({ limits: { ...nothing.limits, ...asked } });
const attached = (...names: string[]) => ({ attachments: names.map((name) => ({ name, content: Buffer.from("x") })) });

describe("the operator's policy", () => {
  it("accepts tasks without wishes, and what it allows", () => {
    assert.equal(refusalsOf({}), "");
    assert.equal(refusalsOf(limits({ wallMs: 7_200_000, turns: 10, budgetUsd: 2.5 })), "");
    assert.equal(refusalsOf({ permissionMode: "plan", allowedTools: ["Read", "Bash(git log:*)"] }), "");
  });

  it("refuses permission modes that are not in its list, skip above all, and unknown modes", () => {
    assert.match(
      refusalsOf({ permissionMode: "skip" }),
      /^permission_mode: skip is not allowed here, only default, plan$/,
    );
    assert.match(refusalsOf({ permissionMode: "accept-edits" }), /^permission_mode/);
    assert.match(refusalsOf({ permissionMode: "unknown" }, { permissionModes: ["skip"] }), /^permission_mode/);
    assert.equal(refusalsOf({ permissionMode: "skip" }, { permissionModes: ["default", "skip"] }), "");
  });

  it("caps requested limits, naming each", () => {
    assert.match(refusalsOf(limits({ wallMs: 7_200_001 })), /^limits\.wall_time: at most 7200000 ms here$/);
    assert.match(refusalsOf(limits({ turns: 11, budgetUsd: 2.51 })), /^limits\.turns: .*; limits\.budget_usd: /);
    assert.equal(refusalsOf(limits({ turns: 11 }), { maxTurns: undefined }), "");
  });

  it("gives the limits of the installation to a task without limits", () => {
    assert.deepEqual(limitsOf(nothing, policy), { wallMs: 3_600_000, outputBytes: 1_000, turns: 10, budgetUsd: 2.5 });
    const less = limitsOf({ ...nothing, ...limits({ wallMs: 5, outputBytes: 9_999, turns: 1, budgetUsd: 1 }) }, policy);
    assert.deepEqual(less, { wallMs: 5, outputBytes: 1_000, turns: 1, budgetUsd: 1 });
    assert.equal(limitsOf(nothing, { ...policy, maxWallMs: 7 }).wallMs, 7);
  });

  it("refuses a denied tool, also with a rule, and two tools written as one", () => {
    assert.match(refusalsOf({ allowedTools: ["WebFetch(domain:x)"] }), /^allowed_tools: WebFetch/);
    assert.match(refusalsOf({ availableTools: ["Read", "WebFetch"] }), /^available_tools: WebFetch/);
    assert.match(refusalsOf({ allowedTools: ["Bash(rm:*)"] }), /^allowed_tools: Bash/);
    assert.equal(refusalsOf({ allowedTools: ["Bash(ls:*)"] }), "");
    for (const tool of ["Read,WebFetch", "Read WebFetch", "", "Read(x),WebFetch(y)", "a\nb"]) {
      assert.match(refusalsOf({ allowedTools: [tool] }), /one tool/, tool);
      assert.match(refusalsOf({ availableTools: [tool] }), /one tool/, tool);
    }
  });

  it("refuses texts that are not one valid argument of an engine", () => {
    assert.match(refusalsOf({ deniedTools: ["Bash(\0)"] }), /one tool/);
    assert.match(refusalsOf({ model: "a\0" }), /^model, fallback_models/);
    assert.match(refusalsOf({ fallbackModels: ["a,b"] }), /^model, fallback_models/);
    assert.equal(refusalsOf({ model: "claude-sonnet-4-5[1m]", fallbackModels: ["opus", "eu.anthropic/x:1"] }), "");
  });

  it("names its parts that apply to every run, which some engines do not support", () => {
    const lax: Policy = { ...policy, deniedTools: [], maxTurns: undefined, maxBudgetUsd: undefined };
    assert.deepEqual(policedParts(lax), []);
    assert.deepEqual(policedParts({ ...lax, deniedTools: ["Bash"], permissionModes: ["plan"] }), [
      "denied_tools",
      "permission_mode",
    ]);
  });

  it("refuses attachments whose names are not plain or not unique", () => {
    for (const name of ["../x", "a/b", ".ssh", "", "..", "a\0b", "x".repeat(256)]) {
      assert.match(refusalsOf(attached(name)), /^attachments: a name/, name);
    }
    assert.match(refusalsOf(attached("a.txt", "a.txt")), /^attachments: two/);
    assert.equal(refusalsOf(attached("a.txt", "b_2-c.tar.gz")), "");
  });
});

describe("a path that a task names", () => {
  const roots = [{ path: "/srv/a", real: "/data/a" }];

  it("is checked only when it is a full path under a root without detours", () => {
    for (const path of ["/srv/a", "/srv/a/b c/d.txt", "/data/a/x", "/srv/a/..x"])
      assert.ok(mayInspect(path, roots), path);
    const others = ["/srv/ab", "/srv/ab/c", "/srv", "/", "", "srv/a/x", "/etc/passwd", "/data/ab"];
    const tricks = [
      "/srv/a/../ab/c",
      "/srv/a/..",
      "/srv/a/./x",
      "/srv/a//x",
      "/srv/a/x\0",
      `/srv/a/${"x".repeat(2_048)}`,
    ];
    for (const path of [...others, ...tricks]) assert.ok(!mayInspect(path, roots), path);
    assert.ok(!mayInspect("/srv/a/x", []));
    assert.ok(mayInspect("/etc", [{ path: "/", real: "/" }]));
  });

  it("is refused with the same text when a link leads out of the roots and when no file exists", () => {
    const missing = judgePath(undefined, "file", roots);
    assert.match(missing ?? "", /not in a folder/);
    for (const real of ["/etc/shadow", "/data/ab/c", "/data", "/srv/a/x"]) {
      assert.equal(judgePath({ real, kind: "file" }, "file", roots), missing, real);
    }
  });

  it("is of the requested kind: a regular file, or a folder", () => {
    assert.equal(judgePath({ real: "/data/a/x", kind: "file" }, "file", roots), undefined);
    assert.equal(judgePath({ real: "/data/a", kind: "folder" }, "folder", roots), undefined);
    for (const kind of ["folder", "other"] as const) {
      assert.equal(judgePath({ real: "/data/a/x", kind }, "file", roots), "is not a regular file");
    }
    for (const kind of ["file", "other"] as const) {
      assert.equal(judgePath({ real: "/data/a/x", kind }, "folder", roots), "is not a folder");
    }
  });
});
