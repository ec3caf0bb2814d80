#!/usr/bin/env bash
# Prints the Secrets that CCSP needs in a cluster. See usage() below.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'END'
Usage: k8s/secrets.sh [--sentinel] [--certificates] [--engine FILE] | kubectl apply -f -

Prints the Secrets of CCSP with new random passwords. It keeps nothing: a second run prints other passwords, and after it
Redis and every service have to start again.

  --sentinel       for components/redis-sentinel; without it, for components/redis-single
  --certificates   also the certificates of all services, made by `ccsp certs`; needless with components/cert-manager
  --host NAME      with --certificates: the name by which agents call the gateway (may be repeated)
  --engine FILE    the engine's login: lines such as ANTHROPIC_API_KEY=… or CLAUDE_CODE_OAUTH_TOKEN=…
END
}

sentinel= certificates= engine= hosts=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --sentinel) sentinel=yes ;;
    --certificates) certificates=yes ;;
    --host) hosts+=(--host "${2:?--host needs a name}"); shift ;;
    --engine) engine=${2:?--engine needs a file}; shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ -z $engine || -r $engine ]] || { echo "k8s/secrets.sh: $engine cannot be read" >&2; exit 1; }

# Letters and digits only, so that a URL needs no escapes.
password() { head -c 48 /dev/urandom | base64 | tr -dc 'A-Za-z0-9'; }
hash_of() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

# secret NAME NAMESPACE KEY=FILE...: prints a Secret with the content of files.
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\ndata:\n' "$1" "$2"
  local pair
  for pair in "${@:3}"; do printf '  %s: %s\n' "${pair%%=*}" "$(base64 -w 0 <"${pair#*=}")"; done
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
cd "$work"

# The pods look for the namespaces' Secrets, so the namespaces come first.
cat "$root/k8s/base/namespaces.yaml"

cp "$root/deploy/redis/users.acl" users.acl
password >sentinel-password
password >replication-password
printf ':%s' "$(cat sentinel-password)" >sentinel-login
nodes=redis-headless.ccsp.svc:6379 scheme=rediss master=
if [[ -n $sentinel ]]; then
  # The rights that Redis' documentation gives to replicas and to Sentinel.
  {
    echo "user replication reset on #$(hash_of "$(cat replication-password)") +psync +replconf +ping"
    echo "user sentinel reset on #$(hash_of "$(cat sentinel-password)") allchannels +multi +slaveof +ping +exec +subscribe" \
      "+config|rewrite +role +publish +info +client|setname +client|kill +script|kill"
  } >>users.acl
  printf -v nodes 'redis-%s.redis-headless.ccsp.svc:26379,' 0 1 2
  nodes=${nodes%,} scheme=rediss+sentinel master=/ccsp
fi
for user in gateway queue monitor notification certificates ccsp admin; do
  secret_of_user=$(password)
  sed -i "/^user $user /s/#SHA256-OF-PASSWORD/#$(hash_of "$secret_of_user")/" users.acl
  case $user in
    ccsp) ;; # for `ccsp up --single` only: nobody knows its password
    admin | certificates) printf %s "$secret_of_user" >"$user-password" ;;
    *)
      printf '%s://%s:%s@%s%s' "$scheme" "$user" "$secret_of_user" "$nodes" "$master" >url
      if [[ -n $sentinel ]]; then
        secret "ccsp-$user-redis" ccsp url=url sentinel-login=sentinel-login
      else
        secret "ccsp-$user-redis" ccsp url=url
      fi
      ;;
  esac
done
if [[ -n $sentinel ]]; then
  secret ccsp-redis ccsp users.acl=users.acl certificates-password=certificates-password \
    replication-password=replication-password sentinel-password=sentinel-password
else
  secret ccsp-redis ccsp users.acl=users.acl certificates-password=certificates-password
fi
secret ccsp-redis-admin ccsp password=admin-password

password >jwt.secret
secret ccsp-tokens ccsp jwt.secret=jwt.secret
[[ -z $engine ]] || secret ccsp-engine-login ccsp-executors claude.env=<(cat "$engine")

[[ -n $certificates ]] || exit 0
ccsp certs init certs >&2
ccsp certs issue redis --host redis-headless.ccsp.svc --host redis-0.redis-headless.ccsp.svc --host redis-1.redis-headless.ccsp.svc \
  --host redis-2.redis-headless.ccsp.svc --folder certs >&2
ccsp certs issue gateway-public "${hosts[@]}" --host gateway.ccsp.svc --folder certs >&2
for name in gateway queue monitor notification redis gateway-public; do
  secret "ccsp-$name-tls" ccsp ca.crt="certs/ca.crt" tls.crt="certs/$name/tls.crt" tls.key="certs/$name/tls.key"
done
secret ccsp-executor-tls ccsp-executors ca.crt=certs/ca.crt tls.crt=certs/executor/tls.crt tls.key=certs/executor/tls.key
