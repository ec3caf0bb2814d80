#!/usr/bin/env bash
# Usage, in a built repository: deploy/docker/collect.sh FOLDER
# Writes each service and the command `ccsp` into a folder of its own, with what they need at run time and nothing else.
# sbom.cdx.json in it lists the packages, in the form of CycloneDX.
set -euo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.tools/bin:$PATH"
out=$1

for name in gateway queue executor monitor notification cli; do
  # Without deployAllFiles, pnpm leaves out what .gitignore names, and so dist.
  pnpm --filter "@ccsp/$name" deploy --prod --no-optional --legacy --config.deployAllFiles=true "$out/$name"
  # Not from the lockfile alone, which has no licences.
  pnpm --filter "@ccsp/$name" sbom --prod --no-optional --sbom-format cyclonedx --sbom-type application \
    --out "$out/$name/sbom.cdx.json"
done

# A plugin that executors load by its name. All that it needs is there already.
plugin=$out/executor/node_modules/@ccsp/engine-opencode
mkdir "$plugin"
cp -r packages/engine-opencode/{package.json,dist,relay} "$plugin"
# shellcheck disable=SC2016 # the dollar signs are JavaScript's
node -e '
  const { readFileSync, writeFileSync } = require("node:fs");
  const read = (file) => JSON.parse(readFileSync(file, "utf8"));
  const [list, file] = process.argv.slice(1);
  const { name, version, description, license } = read(file);
  const [group, own] = name.split("/");
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const licenses = [{ license: { id: license } }];
  const sbom = read(list);
  sbom.components.push({ type: "library", group, name: own, version, purl, "bom-ref": purl, description, licenses });
  writeFileSync(list, JSON.stringify(sbom, null, 2));
' "$out/executor/sbom.cdx.json" "$plugin/package.json"

# Only the build, tests and people need these.
find "$out" -type f \( -name '*.d.ts' -o -name '*.map' -o -name '*.tsbuildinfo' \) -delete
for package in "$out"/* "$out"/*/node_modules/.pnpm/@ccsp+*/node_modules/@ccsp/*; do
  [[ -L $package ]] || rm -rf "$package"/{src,test,bench,chaos,fixtures,recordings,build.mjs}
done
