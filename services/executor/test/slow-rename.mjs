// Loaded before an executor. It simulates a disk with very slow renames: code that does not wait for a rename then runs
// before it.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as delay } from "node:timers/promises";

const { rename } = fs;
fs.rename = async (...paths) => {
  await delay(1_500);
  await rename(...paths);
};
syncBuiltinESMExports();
