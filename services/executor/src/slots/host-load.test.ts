import assert from "node:assert/strict";
import { createHostLoad } from "./host-load.js";

function hostOf(files: Record<string, string>) {
  const clock = { now: 0 };
  const read = async (path: string): Promise<string> => {
    const text = files[path];
    if (text === undefined) throw new Error("ENOENT");
    return text;
  };
  return { files, clock, load: createHostLoad({ read, nowMs: () => clock.now }) };
}

describe("the load of the host", () => {
  it("is that of the container where a cgroup bounds it, also in a folder below the bound", async () => {
    const { files, clock, load } = hostOf({
      "/proc/self/cgroup": "0::/box/executor\n",
      "/sys/fs/cgroup/box/executor/cpu.max": "max 100000\n",
      "/sys/fs/cgroup/box/cpu.max": "50000 100000\n",
      "/sys/fs/cgroup/box/cpu.stat": "usage_usec 1000000\nuser_usec 1\n",
      "/sys/fs/cgroup/box/memory.max": "1000\n",
      "/sys/fs/cgroup/box/memory.current": "900\n",
      "/sys/fs/cgroup/box/memory.stat": "anon 1\ninactive_file 400\n",
    });
    assert.deepEqual(await load.measure(), { cpuShare: undefined, memoryShare: 0.5 });
    clock.now = 1_000;
    files["/sys/fs/cgroup/box/cpu.stat"] = "usage_usec 1250000\n";
    assert.equal((await load.measure()).cpuShare, 0.5, "250 ms of the 500 ms that half a processor has");
  });

  it("is that of the machine elsewhere, and unknown where nothing can be read", async () => {
    const { files, clock, load } = hostOf({
      "/proc/self/cgroup": "0::/\n",
      "/sys/fs/cgroup/cpu.max": "max 100000",
      "/proc/stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n",
      "/proc/meminfo": "MemTotal:       1000 kB\nMemFree: 1 kB\nMemAvailable:    250 kB\n",
    });
    assert.equal((await load.measure()).memoryShare, 0.75);
    clock.now = 10_000;
    files["/proc/stat"] = "cpu  100 0 200 900 0 0 0 0 0 0\n";
    const { cpuShare } = await load.measure();
    assert.ok(cpuShare !== undefined && cpuShare > 0 && cpuShare <= 0.1, String(cpuShare));
    assert.deepEqual(await hostOf({}).load.measure(), { cpuShare: undefined, memoryShare: undefined });
  });

  it("can be read on this machine", async () => {
    const clock = { now: 0 };
    const load = createHostLoad({ nowMs: () => clock.now });
    const { memoryShare } = await load.measure();
    assert.ok(memoryShare !== undefined && memoryShare > 0 && memoryShare < 1.01, String(memoryShare));
  });
});
