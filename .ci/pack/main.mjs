// Packs what is installed elsewhere: the SDK and the `ccsp` command. Needs a build. Usage: main.mjs [folder]
import { mkdir } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { argv, cwd } from "node:process";
import { packCli } from "./cli.mjs";
import { packClient } from "./client.mjs";
import { at } from "./package.mjs";

const destination = resolve(argv[2] ?? at("dist"));
await mkdir(destination, { recursive: true });
for (const pack of [packClient, packCli]) {
  const { path, bytes } = await pack(destination);
  console.log(`${relative(cwd(), path)}  ${(bytes / 1024).toFixed(0)} kB`);
}
