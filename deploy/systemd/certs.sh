#!/bin/bash
# Makes the certificates of the services on this host, or renews what is due. Each service can read only its own.
# It stands beside `node` and `current`, in /opt/ccsp. renew-ccsp-certs.timer runs it once a day.
set -euo pipefail
umask 077

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
folder=${1:-/etc/ccsp/tls}
CCSP_STATE_DIR=/nonexistent "$here/node" "$here/current/packages/cli/bin/ccsp.js" certs init "$folder"
# Services go through it to their own folder, and cannot list it.
chmod 0711 "$folder"
# The last one is there if somebody has made it (`ccsp certs issue`): callers of the gateway see it.
for service in gateway queue monitor notification gateway-public; do
  [[ ! -d $folder/$service ]] || chown -R ccsp:ccsp "$folder/$service"
done
chown -R ccsp-executor:ccsp-executor "$folder/executor"
