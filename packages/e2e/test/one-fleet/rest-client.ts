import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { blocksOf } from "@ccsp/docs-generator/blocks.js";
import type { World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";
import { Ajv2020 } from "ajv/dist/2020.js";
import openapiTS, { astToString } from "openapi-typescript";

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL("../../../..", import.meta.url));
const PACKAGE = join(ROOT, "packages/e2e");

export const restClient = (world: () => World): Mocha.Suite =>
  describe("The client that is generated from the description of REST", function () {
    this.timeout(240_000);
    let folder: string;
    before(async () => {
      folder = await mkdtemp(join(tmpdir(), "ccsp-rest-client-"));
    });
    after(() => rm(folder, { recursive: true, force: true }));

    it("follows a task from its submit to its result, as the page shows it, and its types fit", async () => {
      const url = `${world().fleet.httpAddress}/api/v2/openapi.json`;
      await writeFile(join(folder, "ccsp.ts"), astToString(await openapiTS(new URL(url))));
      const example = blocksOf("docs/rest.md").find(({ language }) => language === "ts");
      await writeFile(join(folder, "main.ts"), example?.text ?? assert.fail());
      await symlink(join(PACKAGE, "node_modules"), join(folder, "node_modules"));
      const files = {
        extends: join(ROOT, "tsconfig.base.json"),
        include: ["*.ts"],
        compilerOptions: { noEmit: true, types: [join(ROOT, "node_modules/@types/node")] },
      };
      await writeFile(join(folder, "tsconfig.json"), JSON.stringify(files));
      await writeFile(join(folder, "package.json"), '{"type": "module"}');
      const tsc = await run(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder]).catch(
        (error: { stdout?: string }) => error,
      );
      assert.equal(tsc.stdout, "");
      const env = { ...process.env, CCSP_HTTP: world().fleet.httpAddress, CCSP_TOKEN: await world().token("alice") };
      const { stdout } = await run(process.execPath, ["--import", "tsx", join(folder, "main.ts")], {
        cwd: PACKAGE,
        env,
      });
      assert.match(stdout, /^SUCCEEDED You said: Say hello \d+\n$/);
    });

    it("continues the trace of its caller, from the request to the run", async () => {
      const traceId = "0af7651916cd43dd8448eb211c80319c";
      const answer = await fetch(`${world().fleet.httpAddress}/api/v2/tasks`, {
        method: "POST",
        body: JSON.stringify({ spec: { prompt: "Say hello" } }),
        headers: {
          authorization: `Bearer ${await world().token("alice")}`,
          "content-type": "application/json",
          traceparent: `00-${traceId}-b7ad6b7169203331-01`,
        },
      });
      assert.equal(answer.status, 201);
      await eventually(
        () => {
          const spans = world().traces.trace(traceId);
          const served = spans.find(({ name }) => name === "POST /api/v2/tasks") ?? assert.fail();
          assert.equal(served.parentSpanId, "b7ad6b7169203331");
          assert.equal(served.attributes["http.response.status_code"], 201);
          const enqueue = spans.find(
            ({ name, parentSpanId }) => name.endsWith("/Enqueue") && parentSpanId === served.spanId,
          );
          assert.ok(enqueue, "the call of the queue is not below the request");
          assert.ok(spans.some(({ name }) => name.startsWith("engine.run")));
        },
        { timeoutMs: 60_000 },
      );
    });

    it("gets answers that fit the schemas of the description", async () => {
      const authorization = `Bearer ${await world().token("ann", { scopes: ["admin"] })}`;
      const get = async (path: string): Promise<unknown> =>
        (await fetch(`${world().fleet.httpAddress}/api/v2${path}`, { headers: { authorization } })).json();
      const document: Description = Object(await get("/openapi.json"));
      const ajv = new Ajv2020({ strict: false, validateFormats: false });
      ajv.addSchema({ $id: "doc", ...document });
      const checked: string[] = [];
      for (const [path, { get: operation }] of Object.entries(document.paths)) {
        const schema = operation?.responses["200"]?.content?.["application/json"]?.schema;
        if (!schema || path.includes("{")) continue;
        const answer = await get(path);
        const refs = JSON.stringify(schema).replaceAll('"#/', '"doc#/');
        const fits = ajv.compile(JSON.parse(refs));
        assert.ok(fits(answer), `${path}: ${JSON.stringify(fits.errors)} ${JSON.stringify(answer).slice(0, 300)}`);
        checked.push(path);
      }
      assert.ok(checked.length > 20, checked.join());
    });
  });

interface Description {
  readonly paths: Readonly<
    Record<string, { get?: { responses: Record<string, { content?: Record<string, { schema?: object }> }> } }>
  >;
}
