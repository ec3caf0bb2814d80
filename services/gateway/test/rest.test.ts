import assert from "node:assert/strict";
import { implementSome, serveGrpc } from "@ccsp/grpc-kit";
import { ROLES } from "@ccsp/identity";
import { MonitorServiceService } from "@ccsp/protos/ccsp/monitor/v1/monitor_service.js";
import { eventually } from "@ccsp/testkit";
import pino from "pino";
import { type HttpWorld, startHttpWorld, tokenOf } from "./http-world.js";

describe("REST in front of a real queue", function () {
  this.timeout(60_000);
  let world: HttpWorld;
  before(async () => {
    world = await startHttpWorld();
  });
  after(() => world?.close());

  const submit = async (who: string, prompt = "waits for an executor") => {
    const { status, headers, body } = await world.call("/api/v2/tasks", who, { json: { spec: { prompt } } });
    assert.equal(status, 201);
    assert.equal(headers.get("location"), `/api/v2/tasks/${body.task?.id}`);
    return body.task?.id ?? assert.fail();
  };

  it("answers with the messages of the RPCs in their JSON form, under /api too", async () => {
    const me = await world.call("/api/v2/me", "agent-1");
    assert.deepEqual([me.status, me.body.subject, me.body.proof], [200, "agent-1", "token"]);
    const id = await submit("agent-1");
    const { body } = await world.call(`/api/tasks/${id}`, "agent-1");
    assert.deepEqual([body.task?.id, body.task?.agentId, body.task?.state], [id, "agent-1", "QUEUED"]);
    assert.ok(Array.isArray((await world.call("/api/queue/status", "operator-1")).body.depths));
    const { tasks } = (await world.call("/api/v2/queue/waiting?pageSize=200", "operator-1")).body;
    assert.ok(tasks?.some((one) => Object(one).task?.id === id && Object(one).position > 0));
    assert.ok(Array.isArray(Object((await world.call("/api/v2/queue/history", "operator-1")).body).minutes));
  });

  it("shows agents their own tasks and operators those of all, by the same path", async () => {
    const mine = await submit("agent-2");
    const theirs = await submit("agent-3");
    const idsFor = async (who: string) =>
      (await world.call("/api/v2/tasks", who)).body.tasks?.map(({ id }) => id) ?? [];
    assert.deepEqual(await idsFor("agent-2"), [mine]);
    const all = await idsFor("operator-1");
    assert.ok(all.includes(mine) && all.includes(theirs));
    const foreign = await world.call(`/api/v2/tasks/${theirs}`, "agent-2");
    assert.deepEqual([foreign.status, foreign.body.reason], [404, "TASK_NOT_FOUND"]);
    const { body } = await world.call(
      "/api/v2/tasks?agentId=agent-3&states=QUEUED&filter.engine=claude-code",
      "operator-1",
    );
    assert.deepEqual(
      body.tasks?.map(({ id }) => id),
      [theirs],
    );
  });

  it("submits once for an Idempotency-Key, and refuses another payload with it", async () => {
    const headers = { "idempotency-key": "once" };
    const send = (prompt: string) => world.call("/api/v2/tasks", "agent-4", { json: { spec: { prompt } }, headers });
    const [one, two] = [await send("a"), await send("a")];
    assert.equal(one.body.task?.id, two.body.task?.id);
    const other = await send("b");
    assert.deepEqual([other.status, other.body.reason], [409, "REQUEST_ID_CONFLICT"]);
    const both = { json: { spec: { prompt: "a" }, requestId: "other" }, headers };
    assert.deepEqual((await world.call("/api/v2/tasks", "agent-4", both)).body.fields?.[0], {
      field: "requestId",
      description: "is not the same as in the header Idempotency-Key",
    });
    const useless = await world.call(`/api/v2/tasks/${one.body.task?.id}/cancel`, "agent-4", { json: {}, headers });
    assert.deepEqual([useless.status, useless.body.fields?.[0]?.field], [400, "Idempotency-Key"]);
  });

  it("refuses of a batch only the tasks that are wrong, with the fields of each", async () => {
    const late = "2026-13-01T00:00:00Z";
    const tasks = [
      { spec: { prompt: "first" } },
      { spec: { prompt: "a wrong date", startTime: late } },
      { spec: { prompt: "a misspelt field", promt: "" }, requestId: 7 },
      "no task",
      { spec: { prompt: "" } },
      { spec: { prompt: "last" } },
    ];
    const { status, body } = await world.call("/api/v2/tasks/batch", "agent-batch", { json: { tasks } });
    assert.equal(status, 200, JSON.stringify(body));
    const said = body.outcomes?.map(({ taskId, refused }) =>
      taskId === undefined ? [refused?.reason, ...(refused?.fields ?? []).map(({ field }) => field)] : "stored",
    );
    assert.deepEqual(said, [
      "stored",
      ["INVALID_FIELD", "spec.start_time"],
      ["INVALID_FIELD", "spec.promt", "request_id"],
      ["INVALID_FIELD", "the task"],
      ["INVALID_FIELD", "spec.prompt"],
      "stored",
    ]);
    const listed = (await world.call("/api/v2/tasks", "agent-batch")).body.tasks?.map(({ id }) => id) ?? [];
    assert.deepEqual(listed.toSorted(), body.outcomes?.flatMap(({ taskId }) => taskId ?? []).toSorted());
    const whole = async (json: object) => {
      const refused = await world.call("/api/v2/tasks/batch", "agent-batch", { json });
      return [refused.status, ...(refused.body.fields ?? []).map(({ field }) => field)];
    };
    assert.deepEqual(await whole({ tasks, task: [] }), [400, "task"], "what is wrong beside the tasks");
    assert.deepEqual((await whole({ tasks: Array.from({ length: 1_001 }, () => 1) })).slice(0, 2), [400, "tasks[0]"]);
    assert.deepEqual(await whole({ tasks: [] }), [400, "tasks"]);
    assert.deepEqual(await whole({ tasks: 7 }), [400, "tasks"]);
  });

  it("refuses a limit of 0 in a task, a batch, an estimate and a schedule, and null is the default", async () => {
    const spec = { prompt: "hi", limits: { wallTime: "0s", outputBytes: "0", turns: 0, budgetUsd: 0 } };
    const names = ["wall_time", "output_bytes", "turns", "budget_usd"].map((name) => `spec.limits.${name}`);
    const fieldsOf = async (path: string, json: object, method = "POST") => {
      const { status, body } = await world.call(`/api/v2${path}`, "agent-limits", { method, json });
      assert.deepEqual([status, body.reason], [400, "INVALID_FIELD"], path);
      return body.fields?.map(({ field }) => field);
    };
    assert.deepEqual(await fieldsOf("/tasks", { spec }), names);
    assert.deepEqual(await fieldsOf("/tasks/estimate", { spec }), names);
    const schedule = { cron: "0 9 * * *", spec };
    const inSchedule = names.map((name) => `schedule.${name}`);
    assert.deepEqual(await fieldsOf("/schedules/nightly", { schedule }, "PUT"), inSchedule);
    const batch = await world.call("/api/v2/tasks/batch", "agent-limits", { json: { tasks: [{ spec }] } });
    assert.match(JSON.stringify(batch.body), /INVALID_FIELD.*spec\.limits\.budget_usd/);
    const limits = { wallTime: null, outputBytes: null, turns: null, budgetUsd: null };
    const unbound = await world.call("/api/v2/tasks", "agent-limits", { json: { spec: { prompt: "hi", limits } } });
    assert.equal(unbound.status, 201);
  });

  it("answers 304 to who has the answer already", async () => {
    const id = await submit("agent-5");
    const first = await world.call(`/api/v2/tasks/${id}`, "agent-5");
    const tag = first.headers.get("etag") ?? assert.fail();
    const same = await world.call(`/api/v2/tasks/${id}`, "agent-5", {
      headers: { "if-none-match": `"x", ${tag.replace("W/", "")}` },
    });
    assert.deepEqual([same.status, same.headers.get("etag")], [304, tag]);
    await world.call(`/api/v2/tasks/${id}/cancel`, "agent-5", { method: "POST" });
    const changed = await world.call(`/api/v2/tasks/${id}`, "agent-5", { headers: { "if-none-match": tag } });
    assert.deepEqual([changed.status, changed.body.task?.state], [200, "CANCELLED"]);
    const head = await world.ask(`/api/v2/tasks/${id}`, "agent-5", { method: "HEAD" });
    assert.deepEqual([head.status, head.headers.get("etag")], [200, changed.headers.get("etag")]);
  });

  it("says no length to HEAD, which has no body to count", async () => {
    const path = "/api/v2/openapi.json";
    const tag = (await world.ask(path, undefined, { method: "HEAD" })).headers.get("etag") ?? assert.fail();
    for (const [header, value, status] of [
      ["accept-encoding", "br", 200],
      ["accept-encoding", "identity", 200],
      ["if-none-match", tag, 304],
    ] as const) {
      const head = await world.ask(path, undefined, { method: "HEAD", headers: { [header]: value } });
      assert.deepEqual([head.status, head.headers.get("content-length")], [status, null], value);
    }
  });

  it("answers HEAD for streams with the headers of GET, and opens none", async () => {
    const id = await submit("agent-10");
    for (const [path, who, type] of [
      [`/tasks/${id}/events`, "agent-10", "text/event-stream"],
      [`/tasks/${id}/log`, "agent-10", "application/json"],
      [`/tasks/${id}/tail`, "admin-1", "text/event-stream"],
      ["/queue/events", "operator-1", "text/event-stream"],
      ["/fleet/events", "operator-1", "text/event-stream"],
      ["/usage/export", "operator-1", "text/csv; charset=utf-8"],
    ] as const) {
      const { status, headers } = await world.ask(`/api/v2${path}`, who, { method: "HEAD" });
      assert.deepEqual([path, status, headers.get("content-type")], [path, 200, type]);
      assert.equal(headers.get("content-length"), null, path);
    }
    assert.equal((await world.ask("/api/v2/queue/events", "agent-10", { method: "HEAD" })).status, 403);
  });

  it("exports usage in the form that the header Accept asks for, unless the query says it", async () => {
    const typeFor = async (accept: string, query = "") => {
      const asked = { method: "HEAD", headers: { accept } };
      const { status, headers } = await world.ask(`/api/v2/usage/export${query}`, "operator-1", asked);
      return status === 200 ? headers.get("content-type") : status;
    };
    const [csv, lines] = ["text/csv; charset=utf-8", "application/x-ndjson"];
    assert.equal(await typeFor("*/*"), csv);
    assert.equal(await typeFor("application/x-ndjson"), lines);
    assert.equal(await typeFor("text/csv;q=0.5, application/x-ndjson"), lines);
    assert.equal(await typeFor("application/*, text/csv;q=0"), lines);
    assert.equal(await typeFor("*/*", "?format=JSON_LINES"), lines);
    assert.equal(await typeFor("image/png"), 406);
    assert.equal(await typeFor("text/csv", "?format=JSON_LINES"), 406);
  });

  it("asks for attempts with a step of 0, which a monitor that knows only sums refuses", async () => {
    const asked: (bigint | undefined)[] = [];
    const monitor = await serveGrpc({
      listen: { host: "127.0.0.1", port: 0 },
      services: [
        implementSome(MonitorServiceService, {
          exportUsage: async function* ({ step }) {
            asked.push(step?.seconds);
            yield { lines: "end_time\r\n" };
          },
        }),
      ],
      log: pino({ level: "silent" }),
      drainMs: 1_000,
      lameDuckMs: 0,
    });
    const { httpAddress } = await world.startGateway({ CCSP_MONITOR_TARGET: `127.0.0.1:${monitor.port}` });
    const headers = { authorization: `Bearer ${await tokenOf("operator-1", ROLES.operator)}` };
    for (const query of ["?detail=ATTEMPTS", "?detail=ATTEMPTS&step=3600s", "?detail=SUMS", ""]) {
      const answer = await fetch(`${httpAddress}/api/v2/usage/export${query}`, { headers });
      assert.deepEqual([answer.status, await answer.text()], [200, "end_time\r\n"]);
    }
    assert.deepEqual(asked, [0n, 3_600n, undefined, undefined]);
    await monitor.close();
  });

  it("compresses long answers for who takes that, and no stream of events", async () => {
    const lengthFor = async (encoding: string) => {
      const headers = { "accept-encoding": encoding };
      const answer = await world.ask("/api/v2/openapi.json", undefined, { headers });
      const body = await answer.json();
      assert.equal(Object(body).openapi, "3.1.0");
      assert.match(answer.headers.get("vary") ?? "", /accept-encoding/);
      return [answer.headers.get("content-encoding"), Number(answer.headers.get("content-length") ?? Number.NaN)];
    };
    const [plain, whole] = await lengthFor("identity");
    assert.equal(plain, null);
    const [gzip, small] = await lengthFor("gzip");
    assert.equal(gzip, "gzip");
    assert.ok(Number.isNaN(Number(small)) || Number(small) < Number(whole) / 8, `${small} of ${whole} bytes`);
    assert.equal((await lengthFor("gzip, deflate, br"))[0], "br");
    const events = await world.ask("/api/v2/queue/events", "operator-1", { headers: { "accept-encoding": "gzip" } });
    const reader = events.body?.getReader() ?? assert.fail();
    assert.match(new TextDecoder().decode((await reader.read()).value), /^event: status\ndata: /);
    assert.equal(events.headers.get("content-encoding"), null);
    await reader.cancel();
  });

  it("answers 304 to who has its description already", async () => {
    const first = await world.ask("/api/v2/openapi.json", undefined);
    const tag = first.headers.get("etag") ?? assert.fail();
    assert.deepEqual([first.status, first.headers.get("cache-control")], [200, "no-cache"]);
    assert.match(await first.text(), /^\{"openapi":"3\.1\.0"/);
    const again = await world.ask("/api/openapi.json", undefined, { headers: { "if-none-match": tag } });
    assert.deepEqual([again.status, again.headers.get("etag"), await again.text()], [304, tag, ""]);
    assert.equal(
      (await world.ask("/api/v2/openapi.json", undefined, { headers: { "if-none-match": '"old"' } })).status,
      200,
    );
  });

  it("names the next page in the header Link, until there is none", async () => {
    const ids = [await submit("agent-6"), await submit("agent-6"), await submit("agent-6")];
    const found: string[] = [];
    let path: string | undefined = "/api/v2/tasks?pageSize=2&states=QUEUED";
    for (let pages = 0; path !== undefined; pages += 1) {
      assert.ok(pages < 3);
      const { headers, body }: Awaited<ReturnType<HttpWorld["call"]>> = await world.call(path, "agent-6");
      found.push(...(body.tasks?.map(({ id }) => id) ?? []));
      path = /^<(.*)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1];
    }
    assert.deepEqual(found.toSorted(), ids.toSorted());
  });

  it("tells what is left of the limit of requests", async () => {
    const left = async () => {
      const { headers } = await world.call("/api/v2/me", "agent-7");
      assert.match(headers.get("ratelimit-policy") ?? "", /^"requests";q=\d+;w=10$/);
      return Number(/^"requests";r=(\d+);t=\d+$/.exec(headers.get("ratelimit") ?? "")?.[1]);
    };
    assert.equal((await left()) - (await left()), 1);
  });

  it("says with the refusal beyond the limit that nothing is left, and after how many seconds to ask again", async () => {
    const { httpAddress } = await world.startGateway({ CCSP_GATEWAY_CALLER_REQUESTS: "1" });
    const headers = { authorization: `Bearer ${await tokenOf("agent-9", ROLES.agent)}` };
    let answer = await fetch(`${httpAddress}/api/v2/me`, { headers });
    // Ten in 10 s, of which a slow machine may begin a second one.
    for (let calls = 1; calls < 100 && answer.status === 200; calls += 1)
      answer = await fetch(`${httpAddress}/api/v2/me`, { headers });
    const { reason }: { readonly reason?: string } = Object(await answer.json());
    assert.deepEqual([answer.status, reason], [429, "CALLER_LIMIT"]);
    assert.match(answer.headers.get("ratelimit") ?? "", /^"requests";r=0;t=\d+$/);
    assert.match(answer.headers.get("retry-after") ?? "", /^([1-9]|10)$/);
  });

  it("refuses parameters that a path does not know or that do not fit, by their names", async () => {
    const query = "pageSize=many&color=red&filter.priorities=NONE&filter=x&pageToken=a&pageToken=b";
    const { status, body } = await world.call(`/api/v2/tasks?${query}`, "agent-1");
    const faults = body.fields?.map(({ field, description }) => `${field} ${description}`);
    assert.deepEqual(
      [status, faults],
      [400, ["color is not a parameter of this path", "filter needs a field", "pageToken is there twice"]],
    );
    const values = await world.call("/api/v2/tasks?pageSize=many&filter.priorities=NONE", "agent-1");
    assert.deepEqual(
      values.body.fields?.map(({ field }) => field),
      ["page_size", "filter.priorities[0]"],
    );
    const budget = { method: "PUT", json: { budget: { name: "other" } } };
    assert.equal(
      (await world.call("/api/v2/budgets/one", "operator-1", budget)).body.fields?.[0]?.field,
      "budget.name",
    );
    const two = { method: "PUT", json: { budget: { holder: { model: "m", account: { engine: "e", account: "a" } } } } };
    const holders = await world.call("/api/v2/budgets/two", "operator-1", two);
    assert.deepEqual([holders.status, holders.body.fields?.[0]?.field], [400, "budget.holder.account"]);
    const labelled = await world.call("/api/v2/tasks?filter.labels.team=web&filter.labels[a.b]=c", "agent-1");
    assert.deepEqual([labelled.status, labelled.body.tasks], [200, []]);
  });

  it("streams the log of a task as events, which can be resumed after the last id", async () => {
    const id = await submit("agent-8");
    const events = await world.ask(`/api/v2/tasks/${id}/events`, "agent-8");
    assert.equal(events.headers.get("content-type"), "text/event-stream");
    const log = await world.call(`/api/v2/tasks/${id}/log`, "agent-8");
    // No link: it waited for nothing after the last entry, although the task goes on.
    assert.deepEqual([log.status, log.headers.get("link")], [200, null]);
    await world.call(`/api/v2/tasks/${id}/cancel`, "agent-8", { method: "POST" });
    const text = await events.text();
    const [first = "", second = "", end] = text.split("\n\n");
    assert.match(first, /^id: 1\nevent: stateChanged\ndata: \{"sequence":1,/);
    assert.match(second, /^id: 2\nevent: taskEnded\ndata: \{"sequence":2,.*CANCELLED/);
    assert.equal(end, "event: end\ndata: {}");
    const resume = (last: string) =>
      world.ask(`/api/v2/tasks/${id}/events`, "agent-8", { headers: { "last-event-id": last } });
    assert.match(await (await resume("1")).text(), /^id: 2\n/);
    // If the queue's first answer is late, the gateway has already answered 200.
    await eventually(async () => assert.equal((await resume("2")).status, 204));
    assert.equal((await resume("x")).status, 400);
    await eventually(async () => assert.equal((await world.ask(`/api/v2/tasks/${id}x/events`, "agent-8")).status, 404));
    const entries: unknown = JSON.parse(await (await world.ask(`/api/v2/tasks/${id}/log`, "agent-8")).text());
    assert.ok(Array.isArray(entries));
    assert.deepEqual(
      entries.map(({ sequence }) => sequence),
      [1, 2],
    );
  });

  it("streams the state of the queue", async () => {
    const events = await world.ask("/api/v2/queue/events", "operator-1");
    const reader = events.body?.getReader() ?? assert.fail();
    const { value } = await reader.read();
    assert.match(new TextDecoder().decode(value), /^event: status\ndata: \{"depths":/);
    await reader.cancel();
  });
});
