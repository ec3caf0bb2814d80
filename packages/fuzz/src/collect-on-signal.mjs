// Loaded into each service of the fuzzed fleet (`node --expose-gc --import`): on SIGUSR2 it collects all garbage, and
// says in a line how many bytes are left.
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  // What a finalizer frees is garbage of the second collection.
  setImmediate(() => {
    globalThis.gc?.();
    console.log(JSON.stringify({ heapOf: process.pid, bytes: process.memoryUsage().heapUsed }));
  });
});
