#!/usr/bin/env bash
# Goes to another release under load, and back by itself when that fails. See the text below.
set -euo pipefail

# The working folder stays: arguments and KUBECONFIG may have relative paths. So tsx is named by its path: Node would
# look for its name from the working folder.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export PATH="$root/.tools/bin:$root/node_modules/.bin:$PATH"

if [[ ${1:-} == -h || ${1:-} == --help || $# == 0 ]]; then
  cat <<'END'
Usage: deploy/upgrade.sh RELEASE [--local | --gateway HOST:PORT [--ca-file FILE] [--runs]]

Brings queue, executor, gateway, monitor and notification to another release, one replica after the other, while eight
callers of the SDK go on. If a replica does not become ready, or a call fails, the services that were changed get their
release from before, the last one first. Exit code 0: the new release runs and no call failed; 1: the old one runs again.

Read docs/upgrade.md first: a release may need a setting before it starts, and only neighbouring releases run together.

  RELEASE          the tag of the images, such as 0.3.0; an image with engines stays one (0.3.0-engines). With --local a
                   folder with the layout of this repository, built
  --local          on a fleet of this machine with two replicas of each service, with scripted engines; needs `make setup`
  without --local  in the cluster of KUBECONFIG, with kubectl. The services are found by the labels of k8s/base
  --gateway        the gateway as this machine reaches it (CCSP_GATEWAY). The token is in CCSP_TOKEN
  --ca-file        the authority of its certificate; `system`: those of this machine (CCSP_CA_FILE)
  --runs           run short prompts too, which you pay for
END
  [[ $# -gt 0 ]] && exit
  exit 2
fi
exec node --import "$root/node_modules/tsx/dist/loader.mjs" --conditions ccsp-src "$root/packages/rollout/src/main.ts" upgrade "$@"
