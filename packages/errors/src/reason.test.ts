import assert from "node:assert/strict";
import { glob, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REASONS } from "./reason.js";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const fromRoot = (path: string): Promise<string> => readFile(join(ROOT, path), "utf8");

describe("reasons of refusals", () => {
  it("are those of the proto, in its order, except the one that is never sent", async () => {
    assert.deepEqual(REASONS, [...(await protoStatuses()).keys()]);
  });

  it("are each documented, in the same order, with an advice", async () => {
    const rows = await documented();
    assert.deepEqual(
      rows.map(({ reason }) => reason),
      REASONS,
    );
    for (const { reason, advice } of rows) assert.ok(advice.length > 10, `${reason} has no advice`);
  });

  it("are documented with the gRPC status that the proto's comment gives", async () => {
    const rows = await documented();
    assert.deepEqual(new Map(rows.map(({ reason, status }) => [reason, status])), await protoStatuses());
  });

  it("stand with the RPCs that answer them, for a reader of the protos alone", async () => {
    let protos = "";
    for await (const file of glob("proto/ccsp/{gateway,queue,monitor,notification}/v1/*_service.proto", { cwd: ROOT }))
      protos += await fromRoot(file);
    // The first belongs to HTTP, the second to each port that wants a certificate.
    const elsewhere = new Set(["CROSS_SITE_REQUEST", "CERTIFICATE_REFUSED"]);
    const missing = REASONS.filter((reason) => !elsewhere.has(reason) && !protos.includes(`\`${reason}\``));
    assert.deepEqual(missing, []);
    const agents = await fromRoot("proto/ccsp/gateway/v1/agent_service.proto");
    for (const reason of ["BUDGET_EXHAUSTED", "CALLER_LIMIT"]) assert.ok(agents.includes(`\`${reason}\``), reason);
  });
});

/** Maps each reason to its status, as `// NOT_FOUND: …` stands above `ERROR_REASON_TASK_NOT_FOUND = 7;`. */
async function protoStatuses(): Promise<Map<string, string>> {
  const proto = await fromRoot("proto/ccsp/error/v1/reason.proto");
  const entries = [...proto.matchAll(/((?: *\/\/.*\n)+) *ERROR_REASON_(\w+) = [1-9]\d*;/g)];
  return new Map(entries.map(([, comment = "", reason = ""]) => [reason, /\/\/ ([A-Z_]+):/.exec(comment)?.[1] ?? ""]));
}

async function documented(): Promise<{ reason: string; status: string; advice: string }[]> {
  const docs = await fromRoot("docs/troubleshooting.md");
  const rows = [...docs.matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+) \| (.*) \|$/gm)];
  return rows.map(([, reason = "", status = "", advice = ""]) => ({ reason, status, advice }));
}
