import assert from "node:assert/strict";
import { Turns } from "./turns.js";

describe("taking turns", () => {
  it("lets in so many of one name at a time, in their order, and others besides, also when one fails", async () => {
    const turns = new Turns(2);
    const begun: string[] = [];
    const gates = new Map<string, () => void>();
    const work = (name: string, id: string) =>
      turns.take(name, async () => {
        begun.push(id);
        await new Promise<void>((resolve, reject) => gates.set(id, id === "2" ? () => reject(new Error(id)) : resolve));
        return id;
      });
    const all = ["1", "2", "3", "4"].map((id) => work("a", id));
    const other = work("b", "b1");
    const settled = Promise.allSettled([...all, other]);
    assert.deepEqual(begun, ["1", "2", "b1"]);
    gates.get("2")?.();
    await assert.rejects(all[1] ?? assert.fail(), /2/);
    assert.deepEqual(begun, ["1", "2", "b1", "3"]);
    for (const id of ["1", "3", "b1"]) gates.get(id)?.();
    assert.equal(await all[2], "3");
    await Promise.resolve();
    gates.get("4")?.();
    assert.deepEqual(
      (await settled).map(({ status }) => status),
      ["fulfilled", "rejected", "fulfilled", "fulfilled", "fulfilled"],
    );
  });
});
