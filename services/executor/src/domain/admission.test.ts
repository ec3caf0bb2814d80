import assert from "node:assert/strict";
import type { Engine } from "@ccsp/engine-kit";
import { createAdmission } from "./admission.js";
import type { Policy } from "./policy.js";
import type { Lease } from "./queue.js";

const POLICY: Omit<Policy, "roots"> = {
  permissionModes: ["default"],
  deniedTools: [],
  wallMs: 1_000,
  maxWallMs: 1_000,
  outputBytes: 1_000,
  projectSettings: false,
  maxTurns: undefined,
  maxBudgetUsd: undefined,
  includeBytes: 0,
};

const ENGINE: Engine = {
  name: "fake",
  account: undefined,
  capabilities: { streaming: true, usage: false, takes: ["working_folder"] },
  version: async () => "1.0",
  start: () => assert.fail("no run is started"),
};

const leaseIn = (workingFolder: string): Lease => ({
  taskId: "t",
  fence: 1n,
  agentId: "a",
  model: "",
  systemPrompt: "",
  fallbackModels: [],
  availableTools: [],
  allowedTools: [],
  deniedTools: [],
  engine: "fake",
  prompt: "p",
  attachments: [],
  includeFiles: [],
  workingFolder,
  permissionMode: undefined,
  conversation: undefined,
  limits: { wallMs: undefined, outputBytes: undefined, turns: undefined, budgetUsd: undefined },
  attempt: 1,
  traceparent: "",
  previousTraceparent: "",
});

describe("the admission of a working folder", () => {
  const links = new Map<string, string>();
  const realOf = (path: string): string => {
    for (const [at, to] of links) if (path === at || path.startsWith(`${at}/`)) return to + path.slice(at.length);
    return path;
  };
  const roots: string[] = [];
  const more: string[] = [];
  const admit = createAdmission({
    policy: { ...POLICY, roots },
    files: { resolve: async (path) => ({ real: realOf(path), kind: "folder" }), read: async () => "changed" },
    moreRoots: async () => more,
    noWorkingFolders: undefined,
  });
  afterEach(() => {
    links.clear();
    roots.length = more.length = 0;
  });
  const folderOf = async (path: string): Promise<string | undefined> => {
    const admission = await admit(leaseIn(path), ENGINE);
    return "request" in admission ? admission.request.workingFolder : undefined;
  };

  it("follows a link in place of a root that the operator made", async () => {
    roots.push("/work/");
    links.set("/work", "/srv/real");
    assert.equal(await folderOf("/work/a"), "/srv/real/a");
  });

  for (const [what, first, link] of [
    ["a root", "/srv", undefined],
    ["the place of a root that is a link", "/work", "/srv"],
  ] as const) {
    it(`follows no link in place of a root that is inside of ${what}, where runs write`, async () => {
      roots.push(first);
      more.push("/srv/team/b");
      if (link) links.set(first, link);
      assert.equal(await folderOf("/srv/team/b/c"), "/srv/team/b/c");
      links.set("/srv/team/b", "/etc");
      assert.deepEqual([await folderOf("/srv/team/b/c"), await folderOf("/etc")], [undefined, undefined]);
    });
  }
});
