#!/usr/bin/env bash
# Installs CCSP as services of systemd on a Debian host without containers. See usage() below.
set -euo pipefail
# The services, which are other users, read what it installs.
umask 022

usage() {
  cat <<'END'
Usage: deploy/install.sh PACKAGE [--dry-run] [--node FILE] [--root FOLDER]

Installs the five services and the command `ccsp` on this host, as root. A second run installs another release beside the
first, and keeps all settings, keys and certificates. It starts nothing. It does not install Redis, an engine or Consul.

  PACKAGE        ccsp-cli-VERSION.tgz, which `make pack` writes into dist/. npm gets the packages that it needs
  --dry-run      print every step, and do none
  --node FILE    the Node to run on, 22.15 or newer (default: the one on PATH). It must not be below /home or /root, which
                 the services do not see
  --root FOLDER  install below this folder, for an image of a system: no user is created and systemd is not told

It makes:
  ccsp, ccsp-executor              users of the system. Executors have one of their own: it has the engine's login
  /opt/ccsp/releases/VERSION       the release; /opt/ccsp/current is the one that runs, /opt/ccsp/node the Node
  /usr/local/bin/ccsp              the command
  /etc/ccsp/*.env                  settings, mode 0600: of every service, and of each one. Files that are there stay
  /etc/ccsp/jwt.secret             signs tokens
  /etc/ccsp/tls                    an authority, and a certificate for each service, which a timer renews
  /etc/systemd/system/ccsp*        the units

Afterwards it says what is left to do. To go back to an earlier release: ln -sfn its folder to /opt/ccsp/current, and
systemctl restart ccsp.target.
END
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here

fail() {
  printf 'install: %s\n' "$*" >&2
  exit 2
}

dry='' root='' node='' package=''
while [[ $# -gt 0 ]]; do
  case $1 in
    -h | --help) usage; exit ;;
    --dry-run) dry=yes ;;
    --node) node=${2:-}; [[ $node ]] || fail '--node needs a file'; shift ;;
    --root) root=${2:-}; [[ -d $root ]] || fail "--root needs a folder that is there"; root=$(cd "$root" && pwd); shift ;;
    -*) fail "unknown option $1: see --help" ;;
    *) [[ -z $package ]] || fail "one package only: $package or $1"; package=$1 ;;
  esac
  shift
done
[[ $package ]] || { usage >&2; exit 2; }

# run COMMAND...: does a step, or only prints it.
run() {
  if [[ $dry ]]; then
    printf 'would run:'
    printf ' %q' "$@"
    printf '\n'
  else
    "$@"
  fi
}

check() {
  [[ -f $package ]] || fail "there is no file $package: make it with \`make pack\`"
  [[ $package =~ ccsp-cli-([0-9A-Za-z.-]+)\.tgz$ ]] || fail "$package is not named ccsp-cli-VERSION.tgz"
  version=${BASH_REMATCH[1]}
  # npm takes a/b.tgz for a repository of GitHub.
  package=$(readlink -f "$package")
  node=${node:-$(command -v node || true)}
  [[ -x $node ]] || fail "there is no Node: install Node 24, or name it with --node"
  node=$(readlink -f "$node")
  local found
  found=$("$node" -p process.versions.node) || fail "$node does not run"
  [[ $found =~ ^[0-9.]+$ && $(printf '22.15.0\n%s\n' "$found" | sort -V | head -n 1) == 22.15.0 ]] ||
    fail "$node is Node $found: CCSP needs 22.15 or newer; name another one with --node"
  [[ $node != /home/* && $node != /root/* ]] || fail "$node is below /home or /root, which the services do not see"
  [[ $dry || $root || $(id -u) == 0 ]] || fail "it needs root; see --dry-run for what it does"
}

make_users() {
  [[ $root ]] && return
  local user
  for user in ccsp ccsp-executor; do
    id -u "$user" >/dev/null 2>&1 ||
      run useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user"
  done
}

install_release() {
  local release=/opt/ccsp/releases/$version
  run install -d -m 0755 "$root/opt/ccsp" "$root/opt/ccsp/releases"
  if [[ ! -d $root$release ]]; then
    run rm -rf "$root$release.new"
    # The release gets its packages with the Node that it runs on.
    run env "PATH=$(dirname "$node"):$PATH" npm install --global --prefix "$root$release.new" --ignore-scripts --no-audit \
      --no-fund "$package"
    run mv "$root$release.new" "$root$release"
  fi
  run ln -sfn "$node" "$root/opt/ccsp/node"
  run ln -sfn "releases/$version/lib/node_modules/@ccsp/cli" "$root/opt/ccsp/current"
  run install -m 0755 "$here/systemd/certs.sh" "$root/opt/ccsp/certs.sh"
  run install -d -m 0755 "$root/usr/local/bin"
  run install -m 0755 "$here/systemd/ccsp" "$root/usr/local/bin/ccsp"
}

install_settings() {
  local file name
  run install -d -m 0755 "$root/etc/ccsp"
  for file in "$here"/systemd/settings/*.env; do
    name=$(basename "$file")
    if [[ -e $root/etc/ccsp/$name ]]; then
      echo "stays: $root/etc/ccsp/$name"
    else
      run install -m 0600 "$file" "$root/etc/ccsp/$name"
    fi
  done
  if [[ ! -e $root/etc/ccsp/jwt.secret ]]; then
    run "$here/systemd/make-secret.sh" "$root/etc/ccsp/jwt.secret"
    [[ $root ]] || run chown ccsp:ccsp /etc/ccsp/jwt.secret
  fi
  # A key of an image would be the same on every host that is made from it.
  [[ $root ]] || run /opt/ccsp/certs.sh
}

install_units() {
  local units=$root/etc/systemd/system
  run install -d -m 0755 "$units" "$units/ccsp-.service.d"
  run install -m 0644 "$here"/systemd/*.service "$here"/systemd/*.target "$here"/systemd/*.timer "$units"
  run install -m 0644 "$here"/systemd/ccsp-.service.d/*.conf "$units/ccsp-.service.d"
  [[ $root ]] || run systemctl daemon-reload
}

check
make_users
install_release
install_settings
install_units
cat <<'END'

Left to do:
  1. Redis 7 or newer, with deploy/redis.conf: apt-get install redis-server
  2. the engine, its login and the sandbox: /etc/ccsp/executor.env; apt-get install bubblewrap socat
  3. look, for each service: (set -a; . /etc/ccsp/queue.env; ccsp doctor --service queue)
  4. start: systemctl enable --now ccsp.target ccsp-gateway ccsp-queue ccsp-executor ccsp-monitor ccsp-notification \
       renew-ccsp-certs.timer
END
