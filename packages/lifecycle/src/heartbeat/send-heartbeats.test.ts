import assert from "node:assert/strict";
import { type HeartbeatRequest, InstanceState } from "@ccsp/protos/ccsp/monitor/v1/fleet.js";
import { eventually } from "@ccsp/testkit";
import { pino } from "pino";
import { heartbeatSender } from "./send-heartbeats.js";

describe("the sender of heartbeats", () => {
  /** A sender with a monitor that answers as `send` does. */
  function start(send: (request: HeartbeatRequest, signal: AbortSignal | undefined) => Promise<unknown>) {
    const lines: string[] = [];
    const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
    const stopping = new AbortController();
    const states: (InstanceState | undefined)[] = [];
    const read = async (state?: InstanceState): Promise<HeartbeatRequest> => {
      states.push(state ?? (stopping.signal.aborted ? InstanceState.DRAINING : InstanceState.READY));
      return { report: undefined, callBounds: [], calls: [], starts: [] };
    };
    const sender = heartbeatSender({ heartbeat: { read }, everyMs: 5, stopping: stopping.signal, log });
    let [open, most] = [0, 0];
    sender.start(async (request, { signal }) => {
      open += 1;
      most = Math.max(most, open);
      await send(request, signal).finally(() => (open -= 1));
    });
    return { sender, stopping, states, lines, most: () => most };
  }

  it("says one warning while the monitor is away, one at a time, and one line when it is back", async () => {
    let away = true;
    let tries = 0;
    const { sender, lines, most } = start(async () => {
      tries += 1;
      if (away) throw new Error("away");
    });
    await eventually(() => assert.ok(tries > 10));
    assert.deepEqual(lines, ["the monitor takes no heartbeats: this instance will look late, and serves on"]);
    away = false;
    await eventually(() => assert.equal(lines.length, 2));
    assert.deepEqual([lines[1], most()], ["the monitor takes heartbeats again", 1]);
    await sender.close();
  });

  it("tells the beginning of the stop at once, and the end of the process last", async () => {
    const { sender, stopping, states } = start(async () => {});
    await eventually(() => assert.ok(states.length > 2));
    stopping.abort();
    await eventually(() => assert.ok(states.includes(InstanceState.DRAINING)));
    await sender.close();
    assert.equal(states.at(-1), InstanceState.STOPPED);
    assert.equal(states.filter((state) => state === InstanceState.STOPPED).length, 1);
  });

  it("does not delay the stop of a service for a monitor that is away or does not answer", async () => {
    let asked = 0;
    const silent = start(async (_, signal) => {
      asked += 1;
      if (signal === undefined) throw new Error("the time of the last one is over");
      await new Promise((_resolve, reject) => signal.addEventListener("abort", reject, { once: true }));
    });
    await eventually(() => assert.equal(asked, 1));
    await silent.sender.close();
    assert.equal(asked, 2, "the heartbeat in progress ends, and the last one has its own short time");
    const away = start(async () => {
      throw new Error("away");
    });
    await eventually(() => assert.ok(away.states.length > 2));
    await away.sender.close();
    assert.ok(!away.states.includes(InstanceState.STOPPED));
  });
});
