#!/bin/bash
# The health check of the images: exits with 0 if the service in this container is ready. It is a shell with a socket of
# its own, because a Node for each check takes a tenth of a second of processor time.
set -eu
for name in "${!CCSP_@}"; do
  [[ $name != CCSP_*_OPS_LISTEN ]] || listen=${!name}
done
exec 3<>"/dev/tcp/127.0.0.1/${listen##*:}"
printf 'GET /ready HTTP/1.0\r\n\r\n' >&3
read -r -t 2 _ status _ <&3
[[ $status == 200 ]]
