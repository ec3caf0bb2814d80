import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MODULE = new URL("../src/free-port.ts", import.meta.url).href;
const COUNT = 450;
// Prints the ports without binding them, and lives until its standard input ends.
const PROGRAM = `
  import { freePort } from ${JSON.stringify(MODULE)};
  const ports = [];
  while (ports.length < ${COUNT}) ports.push(...(await Promise.all([freePort(), freePort(), freePort()])));
  console.log(ports.join());
  process.stdin.resume();
`;

describe("freePort", () => {
  it("gives no port twice, neither to one process nor to several that live at the same time", async () => {
    const cwd = fileURLToPath(new URL("..", import.meta.url));
    const args = ["--import", "tsx", "--conditions", "ccsp-src", "--input-type=module", "--eval", PROGRAM];
    const processes = Array.from({ length: 4 }, () =>
      spawn(process.execPath, args, { cwd, stdio: ["pipe", "pipe", "inherit"] }),
    );
    try {
      const texts = await Promise.all(processes.map(async ({ stdout }) => String((await once(stdout, "data"))[0])));
      const ports = texts.flatMap((text) => text.trim().split(","));
      assert.equal(new Set(ports).size, processes.length * COUNT);
    } finally {
      for (const { stdin } of processes) stdin.end();
    }
    // They end by themselves: what holds their ports does not keep them alive.
    await Promise.all(processes.map((each) => once(each, "exit")));
  });
});
