#!/bin/sh
# Runs in the container `secrets` at each `docker compose up`. It makes the passwords, keys and certificates that are
# missing in /var/lib/ccsp, a folder for each container, and renews certificates that are due.
set -eu
umask 022
cd /var/lib/ccsp
mkdir -p gateway queue executor monitor notification redis command grafana

# Letters and digits only, so that a URL needs no escapes.
password() { head -c 48 /dev/urandom | base64 | tr -dc 'A-Za-z0-9'; }
# keep FILE: makes a file with a new password, if there is none.
keep() { [ -s "$1" ] || { password >"$1.new" && mv "$1.new" "$1"; }; }

keep gateway/jwt.secret
cp gateway/jwt.secret command/jwt.secret
keep grafana/admin-password
keep redis/admin-password
keep redis/ccsp-password
cp /etc/ccsp/users.acl redis/users.acl.new
for user in gateway queue monitor notification certificates ccsp admin; do
  file=redis/$user-password
  case $user in gateway | queue | monitor | notification) file=$user/redis-password ;; esac
  keep "$file"
  hash=$(sha256sum <"$file" | cut -d ' ' -f 1)
  sed -i "/^user $user /s/#SHA256-OF-PASSWORD/#$hash/" redis/users.acl.new
  [ "$file" != "$user/redis-password" ] || printf 'rediss://%s:%s@redis:6379' "$user" "$(cat "$file")" >"$user/redis-url"
done
mv redis/users.acl.new redis/users.acl

ccsp() { node /app/bin/ccsp.js "$@"; }
# Makes what is missing, and renews what is due: also the two below, once they are there.
ccsp certs init certs
[ -s certs/redis/tls.crt ] || ccsp certs issue redis --host redis --folder certs
if [ "$(cat certs/public-host 2>/dev/null)" != "$CCSP_HOST" ]; then
  ccsp certs issue gateway-public --host gateway --host "$CCSP_HOST" --folder certs
  printf %s "$CCSP_HOST" >certs/public-host
fi
for name in gateway queue executor monitor notification redis; do
  mkdir -p "$name/tls"
  cp "certs/$name/"* "$name/tls/"
done
mkdir -p gateway/public-tls
cp certs/gateway-public/* gateway/public-tls/
cp certs/ca.crt command/ca.crt
# Redis has a user of its own. Only its container has this folder.
chmod 644 redis/tls/*
