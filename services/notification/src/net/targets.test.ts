import assert from "node:assert/strict";
import { createTargets } from "./targets.js";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "hooks.example": ["93.184.216.34"],
  "inside.example": ["10.1.2.3"],
  "mixed.example": ["93.184.216.34", "169.254.169.254"],
  "six.example": ["2606:2800:220:1::1"],
};
const lookup = async (host: string): Promise<readonly string[]> => {
  const found = NAMES[host];
  if (found === undefined) throw new Error("ENOTFOUND");
  return found;
};
const targets = (allow: readonly string[] = [], only = false) => createTargets({ allow, only }, lookup);
const refused = { name: "DeliveryError", kind: "refused" };

describe("the targets of channels", () => {
  it("are public addresses, judged after the name is resolved", async () => {
    assert.equal(await targets().resolve("hooks.example"), "93.184.216.34");
    assert.equal(await targets().resolve("SIX.example"), "2606:2800:220:1::1");
    await assert.rejects(targets().resolve("inside.example"), { ...refused, message: /10\.1\.2\.3.*network\.allow/ });
  });

  it("are refused when any address of the name is not public", async () => {
    await assert.rejects(targets().resolve("mixed.example"), refused);
  });

  it("are refused in every notation of an inner address", async () => {
    const inner = ["127.0.0.1", "[::1]", "::ffff:10.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"];
    for (const host of [
      ...inner,
      "192.168.1.1",
      "fd00::1",
      "fe80::1",
      "100.64.0.1",
      "[64:ff9b::7f00:1]",
      "[::7f00:1]",
    ]) {
      await assert.rejects(targets().resolve(host), refused, host);
    }
  });

  it("are what the operator allows, by address, network or name", async () => {
    assert.equal(await targets(["10.0.0.0/8"]).resolve("inside.example"), "10.1.2.3");
    assert.equal(await targets(["inside.example"]).resolve("inside.example"), "10.1.2.3");
    assert.equal(await targets(["127.0.0.1"]).resolve("127.0.0.1"), "127.0.0.1");
    await assert.rejects(targets(["10.0.0.0/8"]).resolve("127.0.0.1"), refused);
  });

  it("are only these when the operator says so", async () => {
    assert.equal(await targets(["hooks.example"], true).resolve("hooks.example"), "93.184.216.34");
    await assert.rejects(targets(["hooks.example"], true).resolve("six.example"), {
      ...refused,
      message: /not in the list of allowed targets/,
    });
  });

  it("say that a name has no address", async () => {
    await assert.rejects(targets().resolve("nowhere.example"), { kind: "unavailable", message: /nowhere\.example/ });
  });
});
