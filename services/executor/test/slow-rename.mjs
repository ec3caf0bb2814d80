// Loaded before an executor: a disk whose renames take so long that whatever does not wait for them overtakes them.
import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { setTimeout as delay } from "node:timers/promises";

const { rename } = fs;
fs.rename = async (...paths) => {
  await delay(1_500);
  await rename(...paths);
};
syncBuiltinESMExports();
