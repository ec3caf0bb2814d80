import assert from "node:assert/strict";
import { forbiddenEverywhere, type PolicedParts, type RunPolicy } from "./run-policy.js";

const POLICY: RunPolicy = {
  modes: ["default", "plan"],
  roots: ["/srv/work/", "/home/ada"],
  rootsMayChange: false,
  noWorkingFolders: false,
  most: { wallMs: 1_000, outputBytes: 100, turns: 5, budgetUsd: 2 },
  deniedTools: ["WebFetch", "Bash(rm *)"],
};
const TASK: PolicedParts = {
  engine: "a",
  pin: undefined,
  prefers: undefined,
  mode: undefined,
  workingFolder: "",
  includeFiles: [],
  availableTools: [],
  allowedTools: [],
  limits: {},
};
const executor = (id: string, policy: Partial<RunPolicy> | undefined, engine = "a") => ({
  id,
  offers: [{ engine, ...(policy && { policy: { ...POLICY, ...policy } }) }],
});
const faults = (asked: Partial<PolicedParts>, ...executors: readonly ReturnType<typeof executor>[]) =>
  forbiddenEverywhere({ ...TASK, ...asked }, executors);
const fields = (...args: Parameters<typeof faults>) => faults(...args).map(({ field }) => field);

describe("what every executor forbids", () => {
  it("is each part of a task beyond the only policy, and nothing at its bounds", () => {
    const one = executor("x", {});
    const all = { mode: "skip", workingFolder: "/srv/workshop", includeFiles: ["/home/ada/a", "/etc/passwd"] };
    const tools = { availableTools: ["Bash(rm *)"], allowedTools: ["Read", "WebFetch(domain:a.b)"] };
    const limits = { wallMs: 1_001, outputBytes: 101, turns: 6, budgetUsd: 2.01 };
    assert.deepEqual(fields({ ...all, ...tools, limits }, one), [
      "spec.permission_mode",
      "spec.working_folder",
      "spec.include_files",
      "spec.available_tools",
      "spec.allowed_tools",
      "spec.limits.wall_time",
      "spec.limits.output_bytes",
      "spec.limits.turns",
      "spec.limits.budget_usd",
    ]);
    const good = {
      mode: "plan",
      workingFolder: "/srv/work/a",
      includeFiles: ["/home/ada/a"],
      allowedTools: ["Bash(ls)"],
    };
    assert.deepEqual(fields({ ...good, limits: POLICY.most }, one), []);
    assert.deepEqual(fields({}, one), []);
    assert.deepEqual(fields({ workingFolder: "/srv/work/a" }, executor("x", { noWorkingFolders: true })), [
      "spec.working_folder",
    ]);
    assert.deepEqual(fields(all, executor("x", { modes: ["skip"], rootsMayChange: true })), []);
  });

  it("is nothing while one executor allows the task, tells no policy or is not there", () => {
    const asked = { mode: "skip" };
    const strict = executor("x", {});
    assert.deepEqual(fields(asked, strict, executor("y", { modes: ["skip"] })), []);
    assert.deepEqual(fields(asked, strict, executor("y", undefined)), []);
    assert.deepEqual(fields(asked), []);
    assert.deepEqual(fields(asked, executor("y", {}, "b")), [], "it offers another engine");
    assert.deepEqual(fields({ ...asked, pin: "y" }, strict), [], "the only executor is away");
    assert.deepEqual(fields({ ...asked, prefers: "y" }, strict), [], "the executor that it waits for is away");
    assert.deepEqual(fields({ ...asked, prefers: "x" }, strict), ["spec.permission_mode"]);
  });

  it("is judged by the only executor that ever runs the task", () => {
    const [strict, open] = [executor("x", {}), executor("y", { modes: ["skip"] })];
    assert.deepEqual(fields({ mode: "skip", pin: "x" }, strict, open), ["spec.permission_mode"]);
    assert.deepEqual(fields({ mode: "skip", pin: "y" }, strict, open), []);
  });

  it("names every field with what each executor allows", () => {
    const asked = { mode: "skip", limits: { turns: 9 } };
    assert.deepEqual(faults(asked, executor("x", { most: {} }), executor("y", { modes: ["plan"], most: {} })), [
      {
        field: "spec.permission_mode",
        description: "no executor of a allows it: only default, plan, or only plan",
      },
    ]);
    assert.deepEqual(faults(asked, executor("x", { most: {} }), executor("y", { modes: ["skip"] })), [
      {
        field: "spec.permission_mode",
        description: "not every executor of a allows it, and the others forbid other fields: only default, plan",
      },
      {
        field: "spec.limits.turns",
        description: "not every executor of a allows it, and the others forbid other fields: at most 5",
      },
    ]);
  });
});
