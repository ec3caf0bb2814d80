import assert from "node:assert/strict";
import {
  type Behaviour,
  eventually,
  hugeText,
  type LeakCheck,
  leakCheck,
  type Simulator,
  startSimulator,
} from "@ccsp/testkit";

describe("the model simulator", () => {
  let simulator: Simulator;
  let leaks: LeakCheck;
  before(() => void (leaks = leakCheck()));

  before(async () => {
    simulator = await startSimulator({ keepRequests: 5 });
  });

  afterEach(() => simulator.reset());

  after(async () => {
    await simulator.close();
    await leaks.check();
  });

  const ask = (prompt: string, options: { stream?: boolean; signal?: AbortSignal } = {}): Promise<Response> =>
    fetch(`${simulator.url}/v1/messages`, {
      method: "POST",
      headers: { "x-api-key": "key-1" },
      body: JSON.stringify({
        model: "m",
        stream: options.stream ?? false,
        messages: [{ role: "user", content: prompt }],
      }),
      signal: options.signal ?? null,
    });
  const textOf = async (prompt: string): Promise<string> => {
    const answer = JSON.parse(await (await ask(prompt)).text());
    return answer.content[0].text;
  };

  it("answers in one piece, or in events whose deltas make the same text", async () => {
    assert.equal(await textOf("hello"), "You said: hello");
    assert.equal(deltas(await (await ask("hello", { stream: true })).text()), "You said: hello");
  });

  it("ignores reminders that a CLI adds around what the user typed", async () => {
    const content = [
      "<system-reminder>today</system-reminder>",
      "typed",
      "<system-reminder>more</system-reminder>",
    ].map((text) => ({ type: "text", text }));
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content }] });
    await fetch(`${simulator.url}/v1/messages`, { method: "POST", body });
    assert.equal(simulator.requests.at(-1)?.prompt, "typed");
  });

  it("refuses with the API's status, headers and error body", async () => {
    const limited = await ask("[[sim:429 retry-after=7]]");
    assert.equal(limited.status, 429);
    assert.equal(limited.headers.get("retry-after"), "7");
    assert.equal(JSON.parse(await limited.text()).error.type, "rate_limit_error");
    const closed = await ask("[[sim:429-window reset=60 claim=seven_day]]");
    assert.equal(closed.headers.get("anthropic-ratelimit-unified-status"), "rejected");
    assert.equal(closed.headers.get("anthropic-ratelimit-unified-representative-claim"), "seven_day");
    assert.equal((await ask("[[sim:401]]")).status, 401);
  });

  it("counts refusals by prompt and then answers", async () => {
    const statuses = [];
    for (let i = 0; i < 4; i++) statuses.push((await ask("[[sim:529 times=2]] [[sim:500 times=1]]")).status);
    assert.deepEqual(statuses, [529, 529, 500, 200]);
  });

  it("answers 400 to a marker or an argument that it does not know", async () => {
    for (const prompt of [
      "[[sim:hnag]]",
      "[[sim:huge bites=5]]",
      "[[sim:huge bytes=many]]",
      "[[sim:text]]",
      "[[sim:text value=]]",
    ]) {
      assert.equal((await ask(prompt)).status, 400, prompt);
    }
  });

  it("takes scripted behaviours first, oldest first, for the calls that match", async () => {
    const answer = (text: string): Behaviour => ({ kind: "answer", text });
    simulator.script(/special/, answer("for the special one"));
    simulator.script([answer("first"), answer("second")]);
    assert.equal(await textOf("a"), "first");
    assert.equal(await textOf("special"), "for the special one");
    assert.equal(await textOf("b"), "second");
    assert.equal(await textOf("c"), "You said: c");
  });

  it("holds an answer at a gate, and releases it when the client leaves or the gate opens", async () => {
    const gate = simulator.gate();
    const leaving = new AbortController();
    const left = ask(gate.marker, { signal: leaving.signal });
    const held = ask(gate.marker);
    await eventually(() => assert.equal(gate.waiting(), 2));
    leaving.abort();
    await assert.rejects(left);
    await eventually(() => assert.equal(gate.waiting(), 1));
    gate.release();
    assert.equal((await held).status, 200);
    assert.equal((await ask(gate.marker)).status, 200);
  });

  it("makes a huge answer of exactly the size asked for", async () => {
    const text = deltas(await (await ask("[[sim:huge bytes=1M]]", { stream: true })).text());
    assert.equal(Buffer.byteLength(text), 1024 * 1024);
    assert.ok(text === hugeText(1024 * 1024));
  });

  it("waits for a slow reader instead of filling memory", async () => {
    const before = process.memoryUsage().rss;
    const response = await ask("[[sim:huge bytes=400M]]", { stream: true });
    const reader = response.body?.getReader();
    for (let i = 0; i < 20; i++) await reader?.read();
    const grown = process.memoryUsage().rss - before;
    await reader?.cancel();
    assert.ok(grown < 150 * 1024 * 1024, `${Math.round(grown / 1024 / 1024)} MiB more`);
  });

  it("cuts the connection after the characters asked for", async () => {
    const response = await ask('[[sim:text value="one two"]] [[sim:cut after=4]]', { stream: true });
    let seen = "";
    await assert.rejects(async () => {
      for await (const chunk of response.body ?? []) seen += Buffer.from(chunk).toString("utf8");
    });
    assert.equal(deltas(seen), "one ");
    await eventually(() => assert.equal(simulator.requests.at(-1)?.outcome, "cut"));
  });

  it("writes so few bytes at a time that characters arrive in halves", async () => {
    const response = await ask("[[sim:text value=日本語 split=1]]", { stream: true });
    const chunks = [];
    for await (const chunk of response.body ?? []) chunks.push(chunk);
    assert.ok(chunks.length > 10);
    assert.equal(deltas(Buffer.concat(chunks).toString("utf8")), "日本語");
  });

  it("keeps only the last requests", async () => {
    for (let i = 0; i < 8; i++) await ask(`prompt ${i}`);
    assert.deepEqual(
      simulator.requests.map((request) => request.prompt),
      [3, 4, 5, 6, 7].map((i) => `prompt ${i}`),
    );
  });

  it("breaks held connections when it closes", async () => {
    const other = await startSimulator();
    const body = JSON.stringify({ model: "m", messages: [{ role: "user", content: "[[sim:hang]]" }] });
    const held = fetch(`${other.url}/v1/messages`, { method: "POST", body });
    await eventually(() => assert.equal(other.requests.length, 1));
    await other.close();
    await assert.rejects(held);
  });
});

/** Returns the text of a stream of events. The stream may have been cut anywhere. */
function deltas(events: string): string {
  const matches = events.matchAll(/"text_delta","text":("(?:[^"\\]|\\.)*")/g);
  return [...matches].map((match) => String(JSON.parse(match[1] ?? '""'))).join("");
}
