import assert from "node:assert/strict";
import { startWorld, type World } from "@ccsp/e2e-kit/world.js";
import { eventually } from "@ccsp/testkit";

interface Event {
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

describe("A reader of a task's events whose gateway is killed and started again", function () {
  this.timeout(180_000);
  let world: World;
  before(async () => {
    world = await startWorld({ engine: "scripted" });
  });
  after(() => world?.close());

  it("continues after the last event that it has, without a gap and without a repeat", async () => {
    const headers = {
      authorization: `Bearer ${await world.token("alice")}`,
      "content-type": "application/json",
    };
    const words = Array.from({ length: 240 }, (_, at) => `word${at}`).join(" ");
    const body = JSON.stringify({ spec: { prompt: `[[text:${words}]] [[delay:100]]` } });
    const submitted = await fetch(`${world.fleet.httpAddress}/api/v2/tasks`, { method: "POST", headers, body });
    const { task }: { readonly task: { readonly id: string } } = JSON.parse(await submitted.text());

    const events: Event[] = [];
    const read = async (until: (event: Event) => boolean): Promise<void> => {
      const last = events.at(-1)?.id;
      const answer = await fetch(`${world.fleet.httpAddress}/api/v2/tasks/${task.id}/events`, {
        headers: { ...headers, ...(last !== undefined && { "last-event-id": String(last) }) },
      });
      assert.equal(answer.status, 200);
      let rest = "";
      for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        const blocks = (rest + chunk).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const event of blocks.flatMap(eventOf)) {
          events.push(event);
          if (until(event)) return;
        }
      }
    };
    let texts = 0;
    await read(({ name }) => name === "textDelta" && (texts += 1) === 5);
    const before = events.length;
    const gone = read(() => false).then(
      () => "ended",
      () => "broken",
    );
    await eventually(() => assert.ok(events.length > before));
    await world.fleet.kill9("gateway");
    assert.equal(await gone, "broken");
    const atKill = events.length;
    await world.fleet.ready();
    await read(({ name }) => name === "taskEnded");

    assert.deepEqual(
      events.map(({ id }) => id),
      events.map((_, at) => at + 1),
    );
    assert.ok(events.length > atKill + 5, "the kill came too late");
    assert.equal(
      events
        .map(({ text }) => text)
        .join("")
        .trim(),
      words,
    );
  });
});

/** Nothing for a comment and for the end. */
function eventOf(block: string): Event[] {
  const [, id, name = "", data = ""] = /^id: (\d+)\nevent: (\w+)\ndata: (.*)$/.exec(block) ?? [];
  if (id === undefined) return [];
  const { textDelta }: { readonly textDelta?: { readonly text: string } } = JSON.parse(data);
  return [{ id: Number(id), name, text: textDelta?.text ?? "" }];
}
