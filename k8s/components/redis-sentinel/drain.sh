#!/bin/sh
# preStop of Redis. If this pod has the master, another pod takes over before Redis ends: without it, writes would be
# refused until the Sentinels have missed the master and agreed.
#
# It pauses writes, waits until the replicas have all of them, and asks a Sentinel of another pod for the failover,
# because the Sentinel of this pod ends at the same moment. Paused writes go to the new master. Without a good replica or
# a Sentinel that answers, Redis ends as the master that it is. Rounds begin for 14 s at most, and one takes 12 s at most,
# of the 30 s that the pod has.
set -u
domain=redis-headless.ccsp.svc
host=$HOSTNAME.$domain
end=$(($(date +%s) + 14))
REDISCLI_AUTH=$(cat /etc/ccsp/redis/sentinel-password)
export REDISCLI_AUTH

cli() { timeout 2 redis-cli --tls --cacert /etc/ccsp/tls/ca.crt --raw "$@" 2>/dev/null | tr -d '\r'; }
# The certificate in use may have expired.
here() { timeout 2 redis-cli --user sentinel --tls --insecure --raw -h 127.0.0.1 -p 6379 "$@" 2>/dev/null | tr -d '\r'; }
others() { for pod in 0 1 2; do [ "redis-$pod" = "$HOSTNAME" ] || echo "redis-$pod.$domain"; done; }
# The master that the Sentinel of a pod names.
master_at() { cli -h "$1" -p 26379 sentinel get-master-addr-by-name ccsp | head -n 1; }
in_time() { [ "$(date +%s)" -lt "$1" ]; }
# Its output belongs to the container's log.
say() { echo "drain of $HOSTNAME: $1" >/proc/1/fd/1 2>/dev/null || echo "drain of $HOSTNAME: $1"; }

# How many replicas are connected, and how many of them have every write: "2 1".
replicas() {
  here info replication | awk -F '[:,=]' '
    /^master_repl_offset:/ { all = $2 }
    /^slave[0-9]+:.*state=online/ { for (i = 1; i < NF; i++) if ($i == "offset") has[n++] = $(i + 1) }
    END { for (i = 0; i < n; i++) if (has[i] >= all) whole++; print n + 0, whole + 0 }'
}

case $(here info replication) in *role:master*) ;; *) exit 0 ;; esac

sentinels=
for other in $(others); do
  [ "$(master_at "$other")" != "$host" ] || sentinels="$sentinels $other"
done
[ -n "$sentinels" ] || { say "no Sentinel of another pod answers that this is the master" && exit 0; }

[ "$(here client pause 20000 write)" = OK ] || {
  here client unpause >/dev/null
  say "writes cannot be paused; no failover (the rights of the user sentinel)"
  exit 0
}
give_up() {
  here client unpause >/dev/null
  say "$1"
  exit 0
}

wait_until=$(($(date +%s) + 5))
while :; do
  # shellcheck disable=SC2046 # two numbers
  set -- $(replicas)
  [ "${1:-0}" -eq 0 ] || [ "$2" -lt "$1" ] || break
  in_time "$wait_until" || give_up "not every replica has every write, and Sentinel may choose any"
  sleep 0.2
done

asked=
while [ -z "$asked" ]; do
  for other in $sentinels; do
    answer=$(cli -h "$other" -p 26379 sentinel failover ccsp)
    case $answer in OK | *INPROG*) asked=yes && break ;; esac
  done
  [ -n "$asked" ] || in_time $((end - 4)) || give_up "the Sentinels found no good replica: $answer"
  [ -n "$asked" ] || sleep 0.5
done

while in_time "$end"; do
  for other in $sentinels; do
    master=$(master_at "$other")
    case $master in "$host" | '') continue ;; esac
    [ "$(cli --user sentinel -h "$master" -p 6379 role | head -n 1)" = master ] || continue
    # As a replica it sends the clients away, and confirms their writes until it ends.
    here slaveof "$master" 6379 >/dev/null
    here client unpause >/dev/null
    say "$master is the master"
    while in_time "$end" && ! here info replication | grep -q '^master_link_status:up'; do sleep 0.2; done
    exit 0
  done
  sleep 0.2
done
# The writes stay paused: one may still take over.
say "no other master was confirmed"
