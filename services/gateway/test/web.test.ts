import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fastify, { type FastifyInstance } from "fastify";
import { web } from "../src/web/web.js";

describe("the dashboard's files", () => {
  let folder: string;
  let app: FastifyInstance;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "ccsp-web-"));
    await mkdir(join(folder, "web"));
    const files = {
      "index.html": "<!doctype html>the dashboard",
      "index.html.br": "the dashboard, by brotli",
      "main-ABCD1234.js": "script",
      "main-ABCD1234.js.br": "script, by brotli",
      "main-ABCD1234.js.gz": "script, by gzip",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, "web", name), text);
    await writeFile(join(folder, "secret.txt"), "beside the folder");
  });
  afterEach(async () => {
    await app.close();
    await rm(folder, { recursive: true });
  });
  const start = async (name = "web") => {
    app = fastify();
    await app.register((own) => web(own, { folder: join(folder, name) }));
  };
  const get = async (url: string, encoding = "") => {
    const { statusCode, headers, body } = await app.inject({ url, headers: { "accept-encoding": encoding } });
    return {
      status: statusCode,
      body,
      headers,
      cache: headers["cache-control"],
      encoding: headers["content-encoding"],
    };
  };

  it("are kept by a browser for good when their name has a hash, and are asked for again when not", async () => {
    await start();
    const script = await get("/main-ABCD1234.js");
    assert.deepEqual(
      [script.status, script.body, script.cache],
      [200, "script", "public, max-age=31536000, immutable"],
    );
    assert.match(String(script.headers["content-type"]), /javascript/);
    const page = await get("/");
    assert.deepEqual([page.status, page.body, page.cache], [200, "<!doctype html>the dashboard", "no-cache"]);
    assert.match(String(page.headers["content-type"]), /text\/html/);
    const again = await app.inject({ url: "/", headers: { "if-none-match": page.headers.etag } });
    assert.equal(again.statusCode, 304);
  });

  it("are sent in the best form that the browser reads, and caches keep the forms apart", async () => {
    await start();
    const forms = await Promise.all(["br, gzip", "gzip", ""].map((encoding) => get("/main-ABCD1234.js", encoding)));
    assert.deepEqual(
      forms.map(({ body, encoding }) => [body, encoding]),
      [
        ["script, by brotli", "br"],
        ["script, by gzip", "gzip"],
        ["script", undefined],
      ],
    );
    for (const { headers } of forms.slice(0, 2)) {
      assert.match(String(headers["content-type"]), /javascript/);
      assert.equal(headers.vary, "accept-encoding");
    }
  });

  it("let the page load nothing from elsewhere, and no other site show it", async () => {
    await start();
    for (const { headers } of [await get("/"), await get("/tasks/1"), await get("/main-ABCD1234.js")]) {
      const csp = String(headers["content-security-policy"]).split("; ");
      for (const rule of ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
        assert.ok(csp.includes(rule), rule);
      assert.doesNotMatch(csp.join(), /unsafe|\*|https?:/);
      assert.equal(headers["x-content-type-options"], "nosniff");
      assert.equal(headers["referrer-policy"], "no-referrer");
      assert.match(String(headers["permissions-policy"]), /camera=\(\)/);
    }
  });

  it("show the page for every address that may be a page of the dashboard, and for no address of a program", async () => {
    await start();
    for (const url of ["/tasks/01J?tab=log", "/usage", "/sessions", "/apiary"]) {
      const { status, body } = await get(url);
      assert.deepEqual([status, body], [200, "<!doctype html>the dashboard"], url);
    }
    for (const url of ["/api/v2/nothing", "/api", "/ws/x", "/session/x", "/webhooks/x", "/main-00000000.js"])
      assert.equal((await get(url)).status, 404, url);
  });

  it("are all that a browser reaches on the disk", async () => {
    await start();
    for (const url of [
      "/../secret.txt",
      "/..%2fsecret.txt",
      "/%2e%2e/secret.txt",
      "//secret.txt",
      "/web/../../secret.txt",
    ])
      assert.doesNotMatch((await get(url)).body, /beside/, url);
  });

  it("are missing with a page that says what to do, when the dashboard was not built", async () => {
    await start("missing");
    const { status, body, headers } = await get("/");
    assert.equal(status, 503);
    assert.match(body, /make build/);
    assert.match(String(headers["content-security-policy"]), /default-src 'none'/);
  });
});
