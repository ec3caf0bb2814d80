import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AuthenticationError } from "./errors.js";
import { createTokenSource } from "./token.js";

/** A JWT without a signature, which the client does not check. */
const jwt = (claims: object): string =>
  ["{}", JSON.stringify(claims), ""].map((part) => Buffer.from(part).toString("base64url")).join(".");

describe("the token of a client", () => {
  const clock = { ms: 1_000_000_000_000 };
  const time = { now: () => clock.ms };
  const livesFor = (seconds: number, id: number) => jwt({ exp: clock.ms / 1_000 + seconds, id });

  it("is kept until a minute before its exp, and then asked for again", async () => {
    let asked = 0;
    const source = createTokenSource({ token: () => livesFor(600, (asked += 1)) }, time);
    const first = await source.get();
    clock.ms += 539_000;
    assert.equal(await source.get(), first);
    clock.ms += 2_000;
    assert.notEqual(await source.get(), first);
    assert.equal(asked, 2);
  });

  it("is kept for four fifths of a short life", async () => {
    let asked = 0;
    const source = createTokenSource({ token: () => livesFor(10, (asked += 1)) }, time);
    await source.get();
    clock.ms += 7_000;
    await source.get();
    assert.equal(asked, 1);
    clock.ms += 2_000;
    await source.get();
    assert.equal(asked, 2);
  });

  it("is asked for once by calls that begin at the same time", async () => {
    for (const make of [() => "opaque", () => livesFor(600, 1)]) {
      let asked = 0;
      const source = createTokenSource({ token: async () => ((asked += 1), make()) }, time);
      await Promise.all([source.get(), source.get(), source.get()]);
      assert.equal(asked, 1);
    }
  });

  it("is asked for before every call when it says no exp", async () => {
    let asked = 0;
    const source = createTokenSource({ token: () => `${jwt({ sub: "a" })}${(asked += 1)}` }, time);
    await source.get();
    await source.get();
    assert.equal(asked, 2);
  });

  it("serves until its exp while no new one is to be had", async () => {
    const answers = [livesFor(600, 1)];
    const source = createTokenSource(
      {
        token: () => {
          const [next] = answers.splice(0, 1);
          if (next === undefined) throw new Error("the token server is away");
          return next;
        },
      },
      time,
    );
    const first = await source.get();
    clock.ms += 595_000;
    assert.equal(await source.get(), first);
    clock.ms += 6_000;
    await assert.rejects(source.get(), /the token server is away/);
  });

  it("is asked for once more, however many calls say that it has expired", async () => {
    let asked = 0;
    const source = createTokenSource({ token: () => livesFor(600, (asked += 1)) }, time);
    const expired = await source.get();
    for (let call = 0; call < 3; call += 1) {
      assert.ok(source.renew(expired));
      assert.notEqual(await source.get(), expired);
    }
    assert.equal(asked, 2);
  });

  it("is given up after 30 s without an answer, and the next call asks again", async () => {
    const timers: (() => void)[] = [];
    const timer = (ms: number, act: () => void) => {
      assert.equal(ms, 30_000);
      timers.push(act);
      return () => {};
    };
    const answers = [new Promise<string>(() => {}), Promise.resolve("late")];
    const source = createTokenSource({ token: () => answers.shift() ?? "" }, { ...time, timer });
    const calls = [source.get(), source.get()];
    const failures = calls.map((call) => assert.rejects(call, { name: "AuthenticationError", message: /within 30 s/ }));
    for (const act of timers) act();
    await Promise.all(failures);
    assert.equal(await source.get(), "late");
  });

  it("is read from its file again for each call, and a missing or empty file is named", async () => {
    const dir = await mkdtemp(join(tmpdir(), "ccsp-client-"));
    try {
      const tokenFile = join(dir, "token");
      const source = createTokenSource({ tokenFile });
      const missing = { name: "AuthenticationError", reason: "TOKEN_MISSING" };
      await assert.rejects(source.get(), { ...missing, message: /ENOENT.*token/ });
      await writeFile(tokenFile, "\n");
      await assert.rejects(source.get(), { ...missing, message: `the token file ${tokenFile} is empty` });
      for (const token of ["one", "two"]) {
        await writeFile(tokenFile, `${token}\n`);
        assert.equal(await source.get(), token);
      }
    } finally {
      await rm(dir, { recursive: true });
    }
  });

  it("may have the line break of the file or Secret that it was read from", async () => {
    for (const token of ["one\n", () => "one\r\n", async () => " one "])
      assert.equal(await createTokenSource({ token }).get(), "one");
  });

  it("comes from one of the two options", () => {
    for (const options of [{}, { token: "a", tokenFile: "b" }]) {
      assert.throws(() => createTokenSource(options), AuthenticationError);
    }
  });
});
