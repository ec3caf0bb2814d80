#!/bin/bash
# Makes the certificates of the services on this host, or renews what is due. Each service can read only its own.
# renew-ccsp-certs.timer runs it once a day.
set -euo pipefail
umask 077

folder=${1:-/etc/ccsp/tls}
CCSP_STATE_DIR=/nonexistent /opt/ccsp/node /opt/ccsp/current/packages/cli/bin/ccsp.js certs init "$folder"
for service in gateway queue monitor notification; do
  chown -R ccsp:ccsp "$folder/$service"
done
chown -R ccsp-executor:ccsp-executor "$folder/executor"
