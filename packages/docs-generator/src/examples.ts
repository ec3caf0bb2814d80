import { execFile } from "node:child_process";
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Block, ROOT } from "./blocks.js";

const run = promisify(execFile);

/**
 * What stands before a TypeScript example that uses `client` without making it. Recipes of a page share the client of
 * the page's first example.
 */
const CLIENT =
  'import { createCcspClient } from "@ccsp/client";\n' +
  'const client = createCcspClient({ target: process.env["CCSP_GATEWAY"] ?? "", token: process.env["CCSP_TOKEN"] ?? "" });\n';

/** The file of a TypeScript example, as a reader would have it. */
export const typescriptFile = ({ text }: Block): string =>
  text.includes("createCcspClient(") || !/\bclient\b/.test(text) ? text : `${CLIENT}${text}client.close();\n`;

/** Makes the packages of this repository importable from files in `folder`, as an installation would. */
export function linkPackages(folder: string): void {
  const scope = join(folder, "node_modules", "@ccsp");
  mkdirSync(scope, { recursive: true });
  for (const name of readdirSync(join(ROOT, "packages"))) symlinkSync(join(ROOT, "packages", name), join(scope, name));
  // A channel of others uses the types of the service that loads it.
  symlinkSync(join(ROOT, "services", "notification"), join(scope, "notification"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
}

/** Checks the types of these TypeScript examples in `folder`. Returns what the compiler says; "" when all is well. */
export async function compile(blocks: readonly Block[], folder: string): Promise<string> {
  linkPackages(folder);
  for (const block of blocks) {
    const name = `${block.page.replaceAll(/[/.]/g, "-")}-${block.line}.ts`;
    writeFileSync(join(folder, name), `${typescriptFile(block)}\nexport {};\n`);
  }
  const options = {
    extends: join(ROOT, "tsconfig.base.json"),
    compilerOptions: {
      noEmit: true,
      customConditions: ["ccsp-src"],
      types: ["node", "mocha"],
      typeRoots: [join(ROOT, "node_modules/@types")],
      // Examples show one thing; what they leave out is not a fault.
      noUnusedLocals: false,
      preserveSymlinks: false,
    },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(options));
  try {
    await run(join(ROOT, "node_modules/.bin/tsc"), ["-p", folder], { cwd: folder });
    return "";
  } catch (error) {
    return error instanceof Error && "stdout" in error ? String(error.stdout) || error.message : String(error);
  }
}

/** Compiles these Python examples to bytecode. Returns what is wrong with them; "" when all is well. */
export async function compilePython(blocks: readonly Block[]): Promise<string> {
  const check =
    "import ast, sys\nfor name, text in zip(sys.argv[1::2], sys.argv[2::2]): compile(text, name, 'exec', ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)";
  const args = blocks.flatMap(({ page, line, text }) => [`${page}:${line}`, text]);
  try {
    await run("python3", ["-c", check, ...args]);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
