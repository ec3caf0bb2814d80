// Packs the SDK: for each entry one ES module and one CommonJS module, with their types. They hold the code of this
// project. Packages from a registry are dependencies.
import { copyFile, cp } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";
import { at, byName, npmPack, published, readJson, stage } from "./package.mjs";

/** The versions that an application may have, so that npm installs one copy for it and the SDK. */
const RANGES = {
  // Internal messages of grpc-js, which the SDK reads, may change in a minor version.
  "@grpc/grpc-js": "~",
  "@bufbuild/protobuf": "^",
  "@opentelemetry/api": "^",
};

/** The double of a gateway is only for tests, so it is a module of its own. */
const ENTRIES = ["index", "testing"];

export async function packClient(destination) {
  const folder = await stage(destination, "client");
  const imports = new Set();
  for (const name of ENTRIES) {
    for (const [format, suffix] of Object.entries({ es: "js", cjs: "cjs" })) {
      for (const imported of await bundle({
        input: at(`packages/client/dist/${name}.js`),
        format,
        path: join(folder, "dist", `${name}.${suffix}`),
      }))
        imports.add(imported);
    }
    const types = join(folder, "dist", `${name}.d.ts`);
    const plugins = [dts({ dtsInput: true, emitDtsOnly: true, oxc: true, tsconfig: false, resolve: [/^@ccsp\//] })];
    await bundle({ input: at(`packages/client/dist/${name}.d.ts`), format: "es", path: types, plugins });
    await copyFile(types, join(folder, "dist", `${name}.d.cts`));
  }
  await cp(at("packages/client/README.md"), join(folder, "README.md"));
  return npmPack(folder, await manifest([...imports].toSorted(byName)), destination);
}

async function manifest(dependencies) {
  const { dependencies: own } = await readJson(at("packages/client/package.json"));
  const { dependencies: kit } = await readJson(at("packages/grpc-kit/package.json"));
  const { dependencies: protos } = await readJson(at("packages/protos/package.json"));
  const versions = { ...protos, ...kit, ...own };
  const range = (name) => {
    if (!RANGES[name] || !versions[name]) throw new Error(`.ci/pack/client.mjs has no range of versions for ${name}`);
    return RANGES[name] + versions[name];
  };
  return {
    ...(await published("packages/client")),
    sideEffects: false,
    main: "./dist/index.cjs",
    types: "./dist/index.d.cts",
    exports: {
      ".": exported("index"),
      "./testing": exported("testing"),
      "./package.json": "./package.json",
    },
    dependencies: Object.fromEntries(dependencies.map((name) => [name, range(name)])),
  };
}

const exported = (name) => ({
  import: { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` },
  require: { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` },
});

/** Writes a module with everything of this project that it imports. Returns the packages that it imports besides. */
export async function bundle({ input, format, path, plugins = [], minify = false }) {
  const external = (id) => !/^(\.|\/|@ccsp\/)/.test(id);
  const build = await rolldown({ input, external, platform: "node", plugins });
  const { output } = await build.write({ file: path, format, minify });
  await build.close();
  const [{ imports }] = output;
  const left = imports.filter((id) => id.startsWith("@ccsp/"));
  if (left.length > 0) throw new Error(`${path} still imports ${left.join(", ")}`);
  return imports
    .filter((id) => !id.startsWith("node:"))
    .map((id) => id.split("/", id.startsWith("@") ? 2 : 1).join("/"));
}
