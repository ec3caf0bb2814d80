// `make docs`: writes the generated parts of the pages.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./blocks.js";
import { generatedPages } from "./generated.js";

for (const [page, text] of Object.entries(await generatedPages())) writeFileSync(join(ROOT, page), text);
