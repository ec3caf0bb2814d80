#!/bin/sh
# Readiness of Redis. A replica is unready only while a master answers and the link to it is down: then a rollout waits
# until it has the data again. Without a master nobody can be a replica, and no pod must wait for another.
set -u
REDISCLI_AUTH=$(cat /etc/ccsp/redis/sentinel-password)
export REDISCLI_AUTH

ask() { timeout 2 redis-cli --user sentinel --tls --insecure --raw -h "$@" 2>/dev/null | tr -d '\r'; }

state=$(ask 127.0.0.1 -p 6379 info replication)
case $state in
  *role:master*) exit 0 ;;
  *master_link_status:up*) exit 0 ;;
  *role:slave*) ;;
  *) exit 1 ;;
esac
master=$(echo "$state" | sed -n 's/^master_host://p')
[ "$(ask "$master" -p 6379 role | head -n 1)" != master ]
