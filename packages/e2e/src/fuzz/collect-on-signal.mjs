// Loaded into each service of the fuzzed fleet (`node --expose-gc --import`): on SIGUSR2 it collects all garbage, and
// says in a line how many bytes are left.
process.on("SIGUSR2", async () => {
  // What a finalizer frees is garbage of the second collection.
  for (let round = 0; round < 2; round += 1) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  console.log(JSON.stringify({ heapOf: process.pid, bytes: process.memoryUsage().heapUsed }));
});
