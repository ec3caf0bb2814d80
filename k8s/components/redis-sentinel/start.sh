#!/bin/sh
# Starts the Redis of this pod (`start.sh redis`), or its Sentinel (`start.sh sentinel`). Both keep their configuration in
# /data, because Sentinel rewrites it.
#
# The master is the one that a Sentinel names. When none answers, as at the first start, it is the one that this pod's
# Sentinel knew last, and else the first pod.
set -eu
domain=redis-headless.ccsp.svc
host=$HOSTNAME.$domain
password=$(cat /etc/ccsp/redis/sentinel-password)

ask() {
  for each in 0 1 2; do
    answer=$(REDISCLI_AUTH=$password timeout 3 redis-cli --tls --cacert /etc/ccsp/tls/ca.crt -h "redis-$each.$domain" -p 26379 \
      --raw sentinel get-master-addr-by-name ccsp 2>/dev/null | head -n 1) || continue
    case $answer in redis-*) echo "$answer" && return ;; esac
  done
}
master=$(ask)
[ -n "$master" ] || master=$(sed -n 's/^sentinel monitor ccsp \([^ ]*\) .*/\1/p' /data/sentinel.conf 2>/dev/null || true)
[ -n "$master" ] || master=redis-0.$domain
echo "$1 of $host: the master is $master"

case $1 in
  redis)
    umask 077
    {
      cat /etc/ccsp/config/redis.conf
      echo "replica-announce-ip $host"
      # A rollout replaces the last pod first. So a master that has to go hands over to one that was replaced already, and
      # a rollout fails over at most twice.
      echo "replica-priority $((100 - 10 * ${HOSTNAME##*-}))"
      echo "masterauth $(cat /etc/ccsp/redis/replication-password)"
      [ "$master" = "$host" ] || echo "replicaof $master 6379"
    } >/data/redis.conf
    sh /etc/ccsp/config/follow-certificate.sh redis /etc/ccsp/tls /etc/ccsp/redis/certificates-password &
    exec redis-server /data/redis.conf
    ;;
  sentinel)
    umask 077
    [ -s /data/sentinel.conf ] || cat >/data/sentinel.conf <<END
port 0
tls-port 26379
tls-cert-file /etc/ccsp/tls/tls.crt
tls-key-file /etc/ccsp/tls/tls.key
tls-ca-cert-file /etc/ccsp/tls/ca.crt
tls-auth-clients no
tls-replication yes
dir /data
requirepass $password
sentinel sentinel-pass $password
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $host
sentinel monitor ccsp $master 6379 2
sentinel auth-user ccsp sentinel
sentinel auth-pass ccsp $password
sentinel down-after-milliseconds ccsp 5000
sentinel failover-timeout ccsp 30000
sentinel parallel-syncs ccsp 1
END
    sh /etc/ccsp/config/follow-certificate.sh sentinel /etc/ccsp/tls &
    exec redis-server /data/sentinel.conf --sentinel
    ;;
esac
