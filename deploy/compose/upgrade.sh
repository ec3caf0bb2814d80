#!/usr/bin/env bash
# Goes to other images or settings, one service after the other. See usage() below.
set -euo pipefail

usage() {
  cat <<'END'
Usage: [VARIABLE=VALUE...] deploy/compose/upgrade.sh [option of docker compose...]

Replaces each service of CCSP whose image or settings have changed, one after the other, and waits until it is healthy.
Redis, Consul and the containers of the profile `observability` stay as they are. For example:

  CCSP_VERSION=0.4.0 CCSP_EXECUTOR_VERSION=0.4.0-engines deploy/compose/upgrade.sh
  deploy/compose/upgrade.sh --env-file deploy/compose/try.env

All images have to be there: nothing is changed if one is missing. Give it the variables and options that `up` gets.
The executor waits for its runs for up to 10 minutes. `ccsp executor drain executor` before it lets longer runs end.
END
}
[[ ${1:-} != -h && ${1:-} != --help ]] || { usage; exit; }

compose=(docker compose -f "$(dirname "${BASH_SOURCE[0]}")/../compose.yaml" "$@")
# In this order, no replica gets a call that it does not know yet (docs/upgrade.md).
services=(queue executor gateway monitor notification)

missing=0
images=$("${compose[@]}" config --images secrets "${services[@]}" | sort -u)
while read -r image; do
  docker image inspect "$image" >/dev/null 2>&1 || { echo "there is no image $image: build or pull it first" >&2; missing=1; }
done <<<"$images"
[[ $missing == 0 ]] || exit 1

# A new release may need secrets that the old one did not have.
"${compose[@]}" run --rm --no-deps secrets
for service in "${services[@]}"; do
  echo "$service"
  "${compose[@]}" up --detach --no-deps --wait --wait-timeout 1300 "$service"
done
# It renews certificates. An older release has no such container.
"${compose[@]}" up --detach --no-deps certificates
