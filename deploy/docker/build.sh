#!/usr/bin/env bash
# Builds the images. See usage() below.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  cat <<'END'
Usage: deploy/docker/build.sh [target...]

Builds the images of all services and of the command ccsp, or the named ones, such as ccsp-queueservice. Each has the tag
of the version in package.json. Variables:

  PREFIX      what stands before the name of each image, such as registry.example/team/
  TAG         the tag, if it is not the version
  NODE_IMAGE  image with Node 24 and npm, for the build (default: node:24-trixie-slim, by digest)
  BASE_IMAGE  image of Debian that the images are made from (default: debian:trixie-slim, by digest)
  ENGINES     npm packages of engine CLIs for the executor, such as @anthropic-ai/claude-code@2.1.332. The tag of such an
              executor ends in -engines. Do not publish it: the CLI has a licence of its own
  NETWORK     network of the build (docker build --network)
END
}
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage; exit; }

targets=("$@")
[[ $# -gt 0 ]] || targets=(ccsp-{gateway,queue,executor,monitor,notification}service ccsp-cli)
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
tag=${TAG:-$version}

arguments=(--build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)")
for name in NODE_IMAGE BASE_IMAGE ENGINES; do
  [[ -z ${!name:-} ]] || arguments+=(--build-arg "$name=${!name}")
done
[[ -z ${NETWORK:-} ]] || arguments+=(--network "$NETWORK")

for target in "${targets[@]}"; do
  image="${PREFIX:-}$target:$tag"
  [[ $target != ccsp-executorservice || -z ${ENGINES:-} ]] || image+=-engines
  # The first one builds all of CCSP, which takes minutes: Docker shows how far it is.
  docker build --file deploy/docker/Dockerfile --target "$target" --tag "$image" "${arguments[@]}" . >&2
  echo "$image  $(docker image inspect --format '{{.Size}}' "$image" | awk '{ printf "%.0f MB", $1 / 1e6 }')"
done
if [[ -z ${ENGINES:-} && " ${targets[*]} " == *" ccsp-executorservice "* ]]; then
  echo "This executor has no engine. deploy/compose.yaml wants one with an engine, ${PREFIX:-}ccsp-executorservice:$tag-engines:" \
    "see \"An engine\" in deploy/docker/README.md, or set CCSP_EXECUTOR_VERSION=$tag."
fi
