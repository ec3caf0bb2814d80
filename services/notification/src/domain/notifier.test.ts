import assert from "node:assert/strict";
import type { Channel } from "./channel.js";
import type { DeliveryLog } from "./delivery-log.js";
import type { Delivery, Notice } from "./notification.js";
import { createNotifier, type DeliveryOutcome } from "./notifier.js";

const notice: Notice = {
  id: "0:1-1",
  eventType: "task.completed",
  eventTime: new Date(1),
  taskId: "t",
  agentId: "a",
  summary: "Task t completed",
};

function createMemoryLog(): DeliveryLog {
  const noted = new Set<string>();
  return {
    has: async (channel, id) => noted.has(`${channel} ${id}`),
    add: async ({ channel, id }) => {
      const key = `${channel} ${id}`;
      if (noted.has(key)) return "repeat";
      noted.add(key);
      return "ok";
    },
    list: async () => ({ deliveries: [], next: undefined }),
    isPosition: () => true,
  };
}

describe("notifier", () => {
  let got: Delivery[];
  let outcomes: [string, DeliveryOutcome][];
  const good = (name: string): Channel => ({ name, deliver: async (delivery) => void got.push(delivery) });

  beforeEach(() => {
    got = [];
    outcomes = [];
  });

  const notifierOf = (channel: Channel, log = createMemoryLog()) =>
    createNotifier({ channel, log, now: () => new Date(7), count: (...args) => outcomes.push(args) });

  it("gives the notice to the channel, with the channel's name and the time", async () => {
    await notifierOf(good("one"))(notice);
    assert.deepEqual(got, [{ ...notice, channel: "one", deliveryTime: new Date(7) }]);
  });

  it("delivers to a channel once, however often the event comes", async () => {
    const notify = notifierOf(good("one"));
    await notify(notice);
    await notify(notice);
    assert.equal(got.length, 1);
    assert.deepEqual(outcomes, [
      ["one", "ok"],
      ["one", "repeat"],
    ]);
  });

  it("rejects with the channel's reason when the channel fails, and delivers when the notice comes back", async () => {
    let broken = true;
    const flaky: Channel = {
      name: "flaky",
      deliver: async (delivery) => {
        if (broken) throw new Error("down");
        got.push(delivery);
      },
    };
    const notify = notifierOf(flaky);
    await assert.rejects(notify(notice), /down/);
    broken = false;
    await notify(notice);
    assert.equal(got.length, 1);
    assert.deepEqual(outcomes, [
      ["flaky", "failed"],
      ["flaky", "ok"],
    ]);
  });

  it("delivers a notice twice rather than never when the record of a delivery failed", async () => {
    const log = createMemoryLog();
    let away = true;
    const add: DeliveryLog["add"] = async (delivery) => {
      if (away) throw new Error("Redis is away");
      return log.add(delivery);
    };
    const notify = notifierOf(good("one"), { ...log, add });
    await assert.rejects(notify(notice), /Redis is away/);
    away = false;
    await notify(notice);
    assert.equal(got.length, 2);
  });
});
