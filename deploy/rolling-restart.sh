#!/usr/bin/env bash
# Restarts each service under load and counts the calls that fail. See the text below.
set -euo pipefail

# The working folder stays: arguments and KUBECONFIG may have relative paths. So tsx is named by its path: Node would
# look for its name from the working folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.tools/bin:$root/node_modules/.bin:$PATH"

if [[ ${1:-} == -h || ${1:-} == --help ]]; then
  cat <<'END'
Usage: deploy/rolling-restart.sh [--local | --gateway HOST:PORT [--ca-file FILE] [--runs]]

Restarts queue, executor, gateway, monitor and notification, one replica after the other, while eight callers of the SDK
go on. The last line says how many of their calls failed. Exit code 0: none; 1: some, or a service did not become ready.

  --local          on a fleet of this machine with two replicas of each service, with scripted engines; needs `make setup`.
                   Callers of REST and a reader of the WebSocket go on too
  without --local  in the cluster of KUBECONFIG, with kubectl. The services are found by the labels of k8s/base
  --gateway        the gateway as this machine reaches it (CCSP_GATEWAY). The token is in CCSP_TOKEN
  --ca-file        the authority of its certificate; `system`: those of this machine (CCSP_CA_FILE)
  --runs           run short prompts too, which you pay for; otherwise callers submit tasks that start in an hour, read and
                   cancel them
END
  exit
fi
exec node --import "$root/node_modules/tsx/dist/loader.mjs" --conditions ccsp-src "$root/packages/rollout/src/main.ts" restart "$@"
