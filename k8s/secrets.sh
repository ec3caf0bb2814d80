#!/usr/bin/env bash
# Prints the Secrets that CCSP needs in a cluster. See usage() below.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  cat <<'END'
Usage: k8s/secrets.sh [option...] | kubectl apply -f -

Prints the Secrets of CCSP with new random passwords, once all of them are made. A second run prints other passwords, and
after it Redis and every service have to start again. Renew certificates with --only-certificates.

  --sentinel           for components/redis-sentinel; without it, for components/redis-single
  --engine FILE        the engine's login: lines such as ANTHROPIC_API_KEY=… or CLAUDE_CODE_OAUTH_TOKEN=…
  --certificates       also the certificates of all services, made by `ccsp certs`; needless with components/cert-manager
  --only-certificates  the certificates and nothing else. Running services take them by themselves
  --authority FILE     what signs the certificates, and the names of --host; `-`: standard input. If the file is not there,
                       it is made. Keep it: who has it can make a certificate of any service. Without this option, a new
                       authority is made and printed as the Secret ccsp-ca of the namespace ccsp-authority
  --host NAME          with certificates: the name by which agents call the gateway (may be repeated)
END
}

fail() { echo "k8s/secrets.sh: $1" >&2; exit 1; }

sentinel='' certificates='' passwords=yes engine='' authority='' hosts=()
while [[ $# -gt 0 ]]; do
  case $1 in
    --sentinel) sentinel=yes ;;
    --certificates) certificates=yes ;;
    --only-certificates) certificates=yes passwords='' ;;
    --authority) authority=${2:?--authority needs a file}; shift ;;
    --host) hosts+=("${2:?--host needs a name}"); shift ;;
    --engine) engine=${2:?--engine needs a file}; shift ;;
    -h | --help) usage; exit ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
[[ -n $certificates || -z $authority${hosts[*]} ]] || fail "--authority and --host need --certificates or --only-certificates"
[[ -n $passwords || -z $engine$sentinel ]] || fail "--only-certificates prints nothing else: leave out --engine and --sentinel"

# The command is on PATH, or from `make setup`. In the image ccsp-cli it is beside this script.
PATH=$PATH:$root/.tools/bin
if [[ -n $certificates ]] && ! command -v ccsp >/dev/null; then
  [[ -r $root/bin/ccsp.js ]] || fail "certificates need the command ccsp on PATH, or the image ccsp-cli (k8s/README.md)"
  ccsp() { node "$root/bin/ccsp.js" "$@"; }
fi

# Letters and digits only, so that a URL needs no escapes.
password() { head -c 48 /dev/urandom | base64 | tr -dc 'A-Za-z0-9'; }
hash_of() { printf %s "$1" | sha256sum | cut -d ' ' -f 1; }

# secret NAME NAMESPACE KEY=FILE...: a Secret with the content of files.
secret() {
  printf -- '---\napiVersion: v1\nkind: Secret\nmetadata:\n  name: %s\n  namespace: %s\ndata:\n' "$1" "$2"
  local pair data
  for pair in "${@:3}"; do
    data=$(base64 -w 0 <"${pair#*=}")
    printf '  %s: %s\n' "${pair%%=*}" "$data"
  done
}

print_passwords() {
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
        "+config|rewrite +role +publish +info +client|setname +client|kill +script|kill +client|pause +client|unpause"
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
  [[ -z $engine ]] || secret ccsp-engine-login ccsp-executors claude.env=claude.env
}

# The authority is one text: lines `host: NAME`, its certificate, its key.
print_certificates() {
  local name names=()
  if [[ -s authority.pem ]]; then
    mkdir certs
    sed -n '/BEGIN CERTIFICATE/,/END CERTIFICATE/p' authority.pem >certs/ca.crt
    sed -n '/BEGIN .*PRIVATE KEY/,/END .*PRIVATE KEY/p' authority.pem >certs/ca.key
    [[ -s certs/ca.crt && -s certs/ca.key ]] || fail "the authority $authority has no certificate and key in PEM"
    [[ ${#hosts[@]} -gt 0 ]] || mapfile -t hosts < <(sed -n 's/^host: //p' authority.pem)
  fi
  ccsp certs init certs >&2
  for name in "${hosts[@]}"; do names+=(--host "$name"); done
  ccsp certs issue redis --host redis-headless.ccsp.svc --host redis-0.redis-headless.ccsp.svc \
    --host redis-1.redis-headless.ccsp.svc --host redis-2.redis-headless.ccsp.svc --folder certs >&2
  ccsp certs issue gateway-public "${names[@]}" --host gateway.ccsp.svc --folder certs >&2
  {
    for name in "${hosts[@]}"; do echo "host: $name"; done
    cat certs/ca.crt certs/ca.key
  } >authority.pem
  if [[ -z $authority ]]; then
    printf -- '---\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: ccsp-authority\n'
    secret ccsp-ca ccsp-authority authority.pem=authority.pem
  fi
  for name in gateway queue monitor notification redis gateway-public; do
    secret "ccsp-$name-tls" ccsp ca.crt="certs/ca.crt" tls.crt="certs/$name/tls.crt" tls.key="certs/$name/tls.key"
  done
  secret ccsp-executor-tls ccsp-executors ca.crt=certs/ca.crt tls.crt=certs/executor/tls.crt tls.key=certs/executor/tls.key
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
[[ -z $engine ]] || cat -- "$engine" >"$work/claude.env"
case $authority in
  '') ;;
  -)
    cat >"$work/authority.pem"
    [[ -s $work/authority.pem ]] || fail "standard input has no authority"
    ;;
  *)
    [[ ! -e $authority ]] || cat -- "$authority" >"$work/authority.pem"
    authority=$(realpath -- "$authority")
    ;;
esac

# A pipe would apply the first half of what fails later: nothing is printed before all is made.
cd "$work"
: >out
if [[ -n $passwords ]]; then print_passwords >>out; fi
if [[ -n $certificates ]]; then print_certificates >>out; fi
if [[ $authority == /* ]]; then cat authority.pem >"$authority"; fi
cat out
