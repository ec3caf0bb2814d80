import assert from "node:assert/strict";
import { mock } from "node:test";
import { connectLive, type LiveOptions, type LiveSocket, type LiveState } from "./live.js";

type Listener = Parameters<LiveSocket["addEventListener"]>[1];

/** Sockets that the test opens, closes and speaks on. */
class FakeSocket implements LiveSocket {
  readonly sent: unknown[] = [];
  closed = false;
  readonly #listeners = new Map<string, Listener>();

  addEventListener(type: string, listener: Listener): void {
    this.#listeners.set(type, listener);
  }
  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }
  close(): void {
    this.closed = true;
  }
  says(message: object): void {
    this.#listeners.get("message")?.({ data: JSON.stringify(message) });
  }
  ends(code: number): void {
    this.#listeners.get("close")?.({ code });
  }
}

function page(options: Partial<LiveOptions> = {}) {
  const sockets: FakeSocket[] = [];
  const states: LiveState[] = [];
  const open = (): FakeSocket => {
    const socket = new FakeSocket();
    sockets.push(socket);
    return socket;
  };
  const live = connectLive({ url: "ws://gateway/ws", open, onState: (state) => states.push(state), ...options });
  const newest = (): FakeSocket => sockets.at(-1) ?? assert.fail("no socket");
  return { live, sockets, states, newest, is: (): string => live.state.is };
}

const event = (id: string, sequence: number, cursor: string) => ({
  ...{ type: "event", id, topic: "tasks", sequence, cursor },
  ...{ name: "task.enqueued", time: "2026-01-01T00:00:00Z", data: { taskId: `t${sequence}` } },
});

/** Lets time pass, also for what waits for the answer of a probe meanwhile. */
async function pass(milliseconds: number): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 5_000) {
    mock.timers.tick(5_000);
    await new Promise(setImmediate);
  }
}

describe("the page's live connection", () => {
  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout", "Date"] });
    mock.method(Math, "random", () => 1);
  });
  afterEach(() => {
    mock.timers.reset();
    mock.restoreAll();
  });

  it("subscribes when the gateway is ready, and gives each message to the listener of its subscription", () => {
    const { live, newest } = page();
    const seen: unknown[] = [];
    live.subscribe(
      { topic: "tasks", filter: { agentId: "ann" } },
      {
        onEvent: ({ name, data }) => seen.push([name, data]),
        onMissed: (count) => seen.push(count),
        onRefused: (reason, detail) => seen.push([reason, detail]),
      },
    );
    live.subscribe({ topic: "queue" }, { onSnapshot: ({ data }) => seen.push(data) });
    assert.deepEqual(newest().sent, [], "nothing is sent before the identity is proven");
    newest().says({ type: "ready" });
    assert.deepEqual(newest().sent, [
      { op: "subscribe", id: "1", topic: "tasks", filter: { agentId: "ann" } },
      { op: "subscribe", id: "2", topic: "queue" },
    ]);
    newest().says(event("1", 1, "c1"));
    newest().says({
      type: "snapshot",
      id: "2",
      topic: "queue",
      sequence: 1,
      cursor: "",
      name: "queue",
      data: { waiting: 3 },
    });
    newest().says({ type: "missed", id: "1", topic: "tasks", count: 7, after: "c1" });
    newest().says({ type: "error", id: "1", reason: "SCOPE_MISSING", detail: "no" });
    assert.deepEqual(seen, [["task.enqueued", { taskId: "t1" }], { waiting: 3 }, 7, ["SCOPE_MISSING", "no"]]);
  });

  it("continues after the newest cursor when the connection was lost, and says since when it is lost", () => {
    const { live, newest, states } = page();
    const seen: number[] = [];
    live.subscribe({ topic: "tasks" }, { onEvent: ({ sequence }) => seen.push(sequence) });
    const quiet = live.subscribe({ topic: "alerts" }, {});
    newest().says({ type: "ready" });
    newest().says({ type: "subscribed", id: "1", topic: "tasks", cursor: "c0" });
    newest().says(event("1", 1, "c1"));
    quiet();
    newest().ends(1001);
    mock.timers.tick(500);
    newest().says({ type: "ready" });
    assert.deepEqual(newest().sent, [{ op: "subscribe", id: "1", topic: "tasks", after: "c1" }]);
    newest().says(event("1", 1, "c2"));
    assert.deepEqual(seen, [1, 1]);
    assert.deepEqual(states, [{ is: "live" }, { is: "lost", since: new Date(0) }, { is: "live" }]);
  });

  it("waits twice as long after each failure, up to 15 s, and starts again with a short wait once it was ready", () => {
    const { live, sockets, newest } = page();
    const waits = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000];
    for (const [tried, wait] of waits.entries()) {
      newest().ends(1006);
      mock.timers.tick(wait - 1);
      assert.equal(sockets.length, tried + 1, `before ${wait} ms`);
      mock.timers.tick(1);
      assert.equal(sockets.length, tried + 2, `after ${wait} ms`);
    }
    assert.deepEqual(live.state, { is: "lost", since: new Date(0) });
    newest().says({ type: "ready" });
    newest().ends(1006);
    mock.timers.tick(500);
    assert.equal(sockets.length, waits.length + 2);
  });

  it("gives up a connection that is silent for ten seconds, as is the gateway, although nobody has closed it", async () => {
    const silent: Date[] = [];
    const { sockets, newest, is } = page({ probe: async () => false, onSilent: (probed) => silent.push(probed) });
    newest().says({ type: "ready" });
    mock.timers.tick(5_000);
    newest().says({ type: "pong" });
    await pass(5_000);
    assert.deepEqual(newest().sent, [{ op: "ping" }, { op: "ping" }]);
    assert.equal(is(), "live");
    const [dead] = sockets;
    await pass(5_000);
    assert.deepEqual([is(), silent], ["lost", [new Date(15_000)]]);
    assert.ok(dead?.closed);
    mock.timers.tick(500);
    newest().says({ type: "ready" });
    dead.ends(1006);
    assert.equal(is(), "live", "the end of the old connection does not touch the new one");
    newest().ends(1006);
    assert.deepEqual([is(), silent.length], ["lost", 1], "this one was closed");
  });

  it("waits a minute for a long message while the gateway answers, and gives up nothing else", async () => {
    let silent = 0;
    const { sockets, newest, is } = page({ probe: async () => true, onSilent: () => (silent += 1) });
    newest().says({ type: "ready" });
    await pass(55_000);
    assert.deepEqual([is(), sockets.length], ["live", 1]);
    newest().says(event("1", 1, "c1"));
    await pass(55_000);
    assert.deepEqual([is(), sockets.length], ["live", 1]);
    await pass(5_000);
    assert.deepEqual([is(), sockets[0]?.closed, silent], ["lost", true, 0]);
  });

  it("keeps a connection that tells something while the gateway is slow to answer", async () => {
    const probe = Promise.withResolvers<boolean>();
    let silent = 0;
    const { newest, is } = page({ probe: () => probe.promise, onSilent: () => (silent += 1) });
    newest().says({ type: "ready" });
    await pass(10_000);
    newest().says(event("1", 1, "c1"));
    probe.resolve(false);
    await pass(5_000);
    assert.deepEqual([is(), silent], ["live", 0]);
  });

  it("tries again where something swallows the connection, and gives up other requests only if none is answered", async () => {
    let answers = true;
    let silent = 0;
    const { sockets, is } = page({ probe: async () => answers, onSilent: () => (silent += 1) });
    await pass(60_000);
    assert.deepEqual([is(), silent], ["lost", 0]);
    assert.ok(sockets.length > 2, `${sockets.length} tries`);
    answers = false;
    await pass(30_000);
    assert.ok(silent > 0);
  });

  it("stops when the gateway no longer knows who this is, until the page has signed in again", () => {
    const { live, sockets, newest } = page();
    newest().says({ type: "ready" });
    newest().says({ type: "error", reason: "TOKEN_EXPIRED", detail: "…" });
    newest().ends(4401);
    mock.timers.tick(600_000);
    assert.deepEqual([live.state, sockets.length], [{ is: "signed-out", reason: "TOKEN_EXPIRED" }, 1]);
    live.reconnect();
    newest().says({ type: "ready" });
    assert.deepEqual([live.state, sockets.length], [{ is: "live" }, 2]);
  });

  it("sends nothing on a new connection before the gateway is ready, also when the old one was live", () => {
    const { live, newest } = page();
    newest().says({ type: "ready" });
    live.reconnect();
    live.subscribe({ topic: "queue" }, {});
    assert.deepEqual(newest().sent, []);
    newest().says({ type: "ready" });
    assert.deepEqual(newest().sent, [{ op: "subscribe", id: "1", topic: "queue" }]);
  });

  it("follows a log from the entry that is known, and forgets it when it has ended", () => {
    const { live, newest } = page();
    const seen: unknown[] = [];
    const log = (after: string) =>
      live.subscribe(
        { topic: "log", filter: { taskId: "t" }, after },
        { onEvent: ({ sequence }) => seen.push(sequence), onEnded: (reason) => seen.push(reason) },
      );
    const leave = log("7");
    log("0");
    newest().says({ type: "ready" });
    assert.partialDeepStrictEqual(newest().sent, [{ topic: "log", after: "7" }, { after: "0" }]);
    newest().says({ type: "subscribed", id: "1", topic: "log", cursor: "7" });
    newest().says({ ...event("1", 8, "8"), topic: "log" });
    newest().says({ type: "ended", id: "1", topic: "log" });
    newest().says({ type: "ended", id: "2", topic: "log", reason: "DEPENDENCY_UNAVAILABLE" });
    leave();
    assert.deepEqual([seen, newest().sent.length], [[8, undefined, "DEPENDENCY_UNAVAILABLE"], 2]);
    newest().ends(1006);
    mock.timers.tick(500);
    newest().says({ type: "ready" });
    assert.deepEqual(newest().sent, [], "what has ended is not asked for again");
  });

  it("holds no connection while nobody looks, and goes on where it was when somebody does", () => {
    const { live, sockets, newest, states, is } = page();
    live.subscribe({ topic: "tasks" }, {});
    newest().says({ type: "ready" });
    newest().says(event("1", 1, "c1"));
    live.pause();
    newest().ends(1005);
    mock.timers.tick(600_000);
    assert.deepEqual([sockets.length, newest().closed, live.state.is], [1, true, "live"]);
    live.resume();
    live.resume();
    assert.deepEqual(live.state, { is: "lost", since: new Date(0) }, "what is shown is old until the gateway is there");
    newest().says({ type: "ready" });
    assert.equal(is(), "live");
    assert.deepEqual([sockets.length, newest().sent], [2, [{ op: "subscribe", id: "1", topic: "tasks", after: "c1" }]]);
    live.pause();
    mock.timers.tick(10_000);
    live.resume();
    assert.equal(is(), "live", "nobody looked away for long");
    newest().ends(1006);
    assert.deepEqual(live.state, { is: "lost", since: new Date(600_000) }, "nothing has come since nobody looked");
    assert.equal(states.at(-1), live.state);
  });

  it("is over when it is closed", () => {
    const { live, sockets, newest } = page();
    newest().says({ type: "ready" });
    live.close();
    newest().ends(1000);
    mock.timers.tick(600_000);
    assert.deepEqual([sockets.length, newest().closed], [1, true]);
  });
});
