import assert from "node:assert/strict";
import { CallError } from "@ccsp/grpc-kit";
import { Fixture } from "./fixture.js";

describe("a static:/// target", () => {
  const fixture = new Fixture();
  afterEach(() => fixture.close());

  it("shares calls between its addresses", async () => {
    fixture.schemes(undefined);
    const [a, b] = [await fixture.serve("a"), await fixture.serve("b")];
    const client = fixture.connect(`static:///127.0.0.1:${a.port},127.0.0.1:${b.port}`);
    // The first instance to be connected gets all calls. After the second connection, the instances take turns.
    const seen = new Set<string>();
    while (seen.size < 2) seen.add(await client.whoAnswers());
    const four = [];
    for (let i = 0; i < 4; i++) four.push(await client.whoAnswers());
    assert.deepEqual(four.toSorted(), ["a", "a", "b", "b"]);
  });

  it("takes names as well as numbers", async () => {
    fixture.schemes(undefined);
    const { port } = await fixture.serve("a");
    assert.equal(await fixture.connect(`static:///localhost:${port}`).whoAnswers(), "a");
  });

  for (const target of ["static:///", "static:///queue", "static:///127.0.0.1:1,", "static:///127.0.0.1:99999"]) {
    it(`fails with UNAVAILABLE, naming the target, for ${target}`, async () => {
      fixture.schemes(undefined);
      await assert.rejects(fixture.connect(target).watch(), (error: unknown) => {
        assert.ok(error instanceof CallError);
        assert.equal(error.reason, "DEPENDENCY_UNAVAILABLE");
        assert.ok(error.message.includes(`${target}: not a list of host:port`), error.message);
        return true;
      });
    });
  }
});
