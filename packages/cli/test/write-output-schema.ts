import { writeFile } from "node:fs/promises";
import { outputSchema } from "./output-schema.js";

const FILE = new URL("../../../docs/cli-output.schema.json", import.meta.url);

await writeFile(FILE, `${JSON.stringify(outputSchema(), null, 2)}\n`);
