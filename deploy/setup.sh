#!/usr/bin/env bash
# Prepares a machine that has Node, npm, git and make to run everything here. See usage() below.
set -euo pipefail

# Everything runs on the Node in deploy/npm/node24. If that one cannot be fetched, the machine's own Node is used, if it
# has this version or a newer one.
readonly NODE_MINIMUM=22.15.0
# The last Debian suite that has Consul under a free licence.
readonly CONSUL_SUITE=bullseye
# The Debian suite whose Redis is 8.0.
readonly REDIS8_SUITE=trixie
readonly KUSTOMIZE=v5.8.1

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root tools="$root/.tools"
cd "$root"
export PATH="$tools/bin:$PATH"
# Downloads stay in this folder, unless the environment names another place for them. So set-up also works with a home
# folder that is not writable.
export npm_config_cache="${npm_config_cache:-${NPM_CONFIG_CACHE:-$tools/cache/npm}}"
# pnpm keeps its store, its copies of the registry's answers, and its notes in these three.
export XDG_DATA_HOME="${XDG_DATA_HOME:-$tools/share}"
export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$tools/cache}"
export XDG_STATE_HOME="${XDG_STATE_HOME:-$tools/state}"

usage() {
  cat <<'END'
Usage: deploy/setup.sh [part...]

Installs the programs and packages that CCSP needs and that this machine lacks. Everything goes into this folder (.tools,
node_modules, dist), download caches too: nothing is installed system-wide. npm_config_cache and XDG_DATA_HOME name other
places for the caches. It needs no root and asks no questions. A second run only checks.

Parts (default: the first five):
  node     Node 24 into .tools/node24 if the machine's own is older; pnpm into .tools/pnpm; then the packages of
           pnpm-lock.yaml into node_modules (with the Claude Code CLI)
  redis    redis-server: the one in REDIS_SERVER_BIN or on PATH, else Debian's package, unpacked into .tools/redis
  consul   consul: the one in CONSUL_BIN or on PATH, whatever its version, else Debian's package (1.8.7), unpacked into .tools/consul.
           If it cannot be installed, a fleet runs without it: a message says so, and this is not an error. The next try is a
           day later, or when this part is named. With CCSP_WITHOUT_CONSUL=1, a fleet always runs without it
  sandbox  on Linux, bwrap (bubblewrap) and socat, for the sandbox of each run: the ones in CCSP_EXECUTOR_BWRAP_BIN and
           CCSP_EXECUTOR_SOCAT_BIN or on PATH, else Debian's packages, unpacked into .tools/sandbox. Without them, runs have
           no sandbox: a message says so, and this is not an error
  build    compiles the TypeScript sources, and bundles the dashboard, the services and the command ccsp
  node22   Node 22, the oldest that is supported, into .tools/node22 for make test-node22 and test-slow (not among the default parts)
  claude-old  Claude Code 2.1.197 into .tools/claude-old, for make test-real-cli CLAUDE=old (not among the default parts)
  redis8   Redis 8.0 of Debian trixie with its own C library into .tools/redis8, for make test-slow, on Debian (not among
           the default parts)
  kustomize  kustomize into .tools/bin, from Go's module proxy, for the tests of the manifests: the one on PATH, else built with
           the machine's Go (not among the default parts)

  jaeger   Jaeger 2.13 and the OpenTelemetry Collector into .tools/jaeger, from Go's module proxy, for make test-jaeger, on a
           machine with Go: it compiles for 10 minutes or more (not among the default parts)

Delete .tools and node_modules to start over. Exit code 1 when something is missing; the last lines then name it and say how to get it.
END
}

faults=()
# fault WHAT HOW: records what is missing and how to get it. It always fails, so that a part can end with it.
fault() {
  faults+=("$1"$'\n'"      $2")
  return 1
}

say() { printf 'setup: %s\n' "$*"; }

# logged NAME COMMAND...: runs a command without output. If the command fails, it prints the last lines of its output.
logged() {
  local log="$tools/log/$1.log"
  shift
  mkdir -p "$tools/log"
  "$@" >"$log" 2>&1 </dev/null && return
  tail -n 15 "$log" | sed 's/^/      /' >&2
  return 1
}

# --- node ---------------------------------------------------------------------------------------------------------------

# at_least VERSION NODE: succeeds if this Node has the version or a newer one.
at_least() { [[ $(printf '%s\n' "$1" "$("$2" -p process.versions.node)" | sort -V | head -n 1) == "$1" ]]; }

# fetch_npm NAME PROGRAM: installs the packages of deploy/npm/NAME into .tools/NAME, and fails if PROGRAM, a pattern below
# node_modules, is not there then. npm compares each package with the hash in the lock file. It uses npm's own client, so
# the machine's registry setting applies. No install script runs.
fetch_npm() {
  local named="deploy/npm/$1" folder="$tools/$1"
  cmp -s "$named/package-lock.json" "$folder/installed.json" && has_program "$@" && return
  say "$1 from npm into .tools/$1"
  rm -rf "$folder" && mkdir -p "$folder" && cp "$named"/package*.json "$folder" &&
    logged "$1" npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund || return
  # npm succeeds without an optional package that it could not fetch, for example when there is no network.
  has_program "$@" && cp "$named/package-lock.json" "$folder/installed.json"
}

has_program() { (cd "$tools/$1/node_modules" 2>/dev/null && compgen -G "$2" >/dev/null); }

# fetch_node NAME: installs the Node of deploy/npm/NAME and prints its binary. It fails if npm has none for this platform.
fetch_node() {
  local package
  package="node-$(node -p 'process.platform + "-" + process.arch')"
  grep -q "\"$package\"" "deploy/npm/$1/package.json" || return
  fetch_npm "$1" "$package/bin/node" >&2 && printf '%s\n' "$tools/$1/node_modules/$package/bin/node"
}

# choose_node OWN: sets .tools/bin/node to the Node that everything runs on, if the machine's own is older.
choose_node() {
  local own="$1" fetched
  if at_least 24 "$own"; then
    rm -f "$tools/bin/node"
    return
  fi
  if fetched=$(fetch_node node24); then
    link "$fetched" node
  elif at_least "$NODE_MINIMUM" "$own"; then
    rm -f "$tools/bin/node"
    say "npm could not install Node 24; everything runs on the machine's own, $("$own" --version)"
  else
    fault "Node 24 (this machine has $("$own" --version), and npm could not install a newer one)" \
      "nodejs.org or your version manager: Node 24, or at least $NODE_MINIMUM"
  fi
}

part_node() {
  local how="Debian 13: apt-get install nodejs npm; elsewhere nodejs.org or your version manager" own
  own=$(PATH=${PATH//"$tools/bin:"/} command -v node) || { fault "Node" "$how"; return 1; }
  command -v npm >/dev/null || { fault "npm" "$how"; return 1; }
  mkdir -p "$tools/bin"
  choose_node "$own" || return
  fetch_npm pnpm .bin/pnpm || { fault "pnpm" "npm could not fetch it: check the network and npm's registry setting (npm ping), then run this again"; return 1; }
  link "$tools/pnpm/node_modules/.bin/pnpm" pnpm
  write_ccsp

  local stamp="node_modules/.ccsp-installed" wanted
  wanted=$(cat pnpm-lock.yaml pnpm-workspace.yaml package.json packages/*/package.json services/*/package.json | cksum)
  [[ $(cat "$stamp" 2>/dev/null) == "$wanted" ]] && return
  say "Node packages of pnpm-lock.yaml into node_modules"
  logged install pnpm install --frozen-lockfile --config.confirmModulesPurge=false ||
    { fault "Node packages" "pnpm could not install them: check the network, then run this again (whole output: .tools/log/install.log)"; return 1; }
  printf '%s\n' "$wanted" >"$stamp"
}

# Writes the `ccsp` command for users. It works in any folder and runs on the Node that was chosen above.
write_ccsp() {
  [[ -x $tools/bin/ccsp ]] && return
  cat >"$tools/bin/ccsp" <<'END'
#!/bin/sh
tools=$(cd "$(dirname "$0")/.." && pwd)
PATH=$tools/bin:$PATH exec node "$tools/../packages/cli/bin/ccsp.js" "$@"
END
  chmod +x "$tools/bin/ccsp"
}

part_node22() {
  local fetched
  if fetched=$(fetch_node node22); then
    mkdir -p "$tools/node22/bin" && ln -sfn "../${fetched#"$tools/node22/"}" "$tools/node22/bin/node"
  else
    fault "Node 22" "npm could not install it: check the network, then run this again (npm has it for Linux on x64 and arm64)"
  fi
}

# Uses the native binary alone: it needs no Node, and no install script has to choose it.
part_claude-old() {
  local name binary
  name="claude-code-$(node -p 'process.platform + "-" + process.arch')"
  if fetch_npm claude-old "@anthropic-ai/$name*/claude"; then
    for binary in "$tools"/claude-old/node_modules/@anthropic-ai/"$name"{,-musl}/claude; do
      [[ -x $binary ]] && ln -sfn "${binary#"$tools/claude-old/"}" "$tools/claude-old/claude" && return
    done
  fi
  fault "the oldest Claude Code CLI that is tested" "npm could not install it: check the network, then run this again, or name another in CCSP_TEST_CLAUDE_CODE_BIN"
}

# link TARGET NAME: makes the link .tools/bin/NAME. It is relative, so that the folder can be moved.
link() {
  mkdir -p "$tools/bin"
  [[ $(readlink "$tools/bin/$2") == "../${1#"$tools"/}" ]] && return
  ln -sfn "../${1#"$tools"/}" "$tools/bin/$2"
}

# --- redis, consul --------------------------------------------------------------------------------------------------------

# present NAME VARIABLE: prints the path of a program, if there is one. If the variable is set to a path that cannot be
# run, it fails.
present() {
  local named="${!2:-}"
  if [[ -n $named ]]; then
    [[ -x $named ]] && printf '%s\n' "$named"
    return
  fi
  command -v "$1" || { [[ -x $tools/bin/$1 ]] && printf '%s\n' "$tools/bin/$1"; }
}

# private_apt FOLDER ARGS...: runs apt-get with its own lists, cache and state. So it needs no root and changes nothing
# on the system.
private_apt() {
  local state="$1"
  shift
  mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
  apt-get -q -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::Status=/var/lib/dpkg/status \
    -o Dir::Cache="$state/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none -o Acquire::Retries=2 \
    -o Debug::NoLocking=true "$@"
}

# unpack NAME: unpacks the packages in .tools/apt/NAME into .tools/NAME.
unpack() {
  rm -rf "${tools:?}/$1.new" && mkdir -p "$tools/$1.new"
  local package
  for package in "$tools/apt/$1"/*.deb; do
    dpkg -x "$package" "$tools/$1.new" || return
  done
  rm -rf "${tools:?}/$1" && mv "$tools/$1.new" "$tools/$1"
}

can_unpack_debian() { command -v apt-get >/dev/null && command -v dpkg >/dev/null; }

part_redis() {
  local how="install Redis 7.0 or newer (Debian: apt-get install redis-server; macOS: brew install redis), or name a redis-server in REDIS_SERVER_BIN"
  present redis-server REDIS_SERVER_BIN >/dev/null && return
  [[ -z ${REDIS_SERVER_BIN:-} ]] || { fault "redis-server: REDIS_SERVER_BIN names $REDIS_SERVER_BIN, which cannot be run" "$how"; return 1; }
  can_unpack_debian || { fault "redis-server (this machine has no apt-get to fetch it with)" "$how"; return 1; }
  say "redis-server from this system's own package source into .tools/redis"
  logged redis fetch_redis || { fault "redis-server (its Debian package could not be fetched: .tools/log/redis.log)" "$how"; return 1; }
  "$tools/bin/redis-server" --version >/dev/null || { fault "redis-server (the unpacked one does not run)" "$how"; return 1; }
}

fetch_redis() {
  local apt="$tools/apt/redis"
  rm -rf "$apt" && mkdir -p "$apt"
  private_apt "$apt" update || return
  # Also fetches what a real installation would add: only the libraries that the system lacks.
  local packages
  packages=$(private_apt "$apt" install --simulate --no-install-recommends redis-server | sed -n 's/^Inst \([^ ]*\) .*/\1/p') || return
  packages=$(printf '%s\n' redis-server redis-tools "$packages" | sort -u)
  # shellcheck disable=SC2086 # one word per package
  (cd "$apt" && private_apt "$apt" download $packages) || return
  unpack redis || return
  mkdir -p "$tools/bin" && rm -f "$tools/bin/redis-server"
  cat >"$tools/bin/redis-server" <<'END' || return
#!/bin/sh
redis=${0%/*}/../redis/usr
for folder in "$redis"/lib/*-linux-*; do LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder; done
export LD_LIBRARY_PATH
exec "$redis/bin/redis-server" "$@"
END
  chmod +x "$tools/bin/redis-server"
  rm -rf "$apt"
}

part_consul() {
  local how="put a consul on PATH, or name it in CONSUL_BIN (macOS: brew install consul)" absent="$tools/consul.absent"
  [[ ${CCSP_WITHOUT_CONSUL:-} != 1 ]] || { without_consul "CCSP_WITHOUT_CONSUL is 1" "unset it"; return; }
  present consul CONSUL_BIN >/dev/null && return
  [[ -z ${CONSUL_BIN:-} ]] || { fault "consul: CONSUL_BIN names $CONSUL_BIN, which cannot be run" "$how"; return 1; }
  is_debian ||
    { without_consul "it can be fetched on Debian only" "$how"; return; }
  # Most make targets run this part. So a failed download is not retried within a day.
  [[ -z $(find "$absent" -mtime -1 2>/dev/null) ]] || { without_consul "$(cat "$absent")" "$how"; return; }
  say "consul from Debian's $CONSUL_SUITE into .tools/consul"
  if ! logged consul fetch_consul; then
    echo "its Debian package could not be fetched: .tools/log/consul.log" >"$absent"
  elif ! "$tools/bin/consul" version >/dev/null; then
    rm -f "$tools/bin/consul"
    echo "the unpacked one does not run" >"$absent"
  else
    rm -f "$absent"
    return
  fi
  without_consul "$(cat "$absent")" "$how"
}

# without_consul WHY HOW: prints the consequences of having no Consul, and how to get one.
without_consul() {
  say "no consul ($1): a fleet uses fixed addresses, and tests that need consul are skipped. To get it: $2"
}

# suite_apt FOLDER SUITE ARGS...: runs apt-get as private_apt does, with another suite of Debian as the only source.
suite_apt() {
  local apt="$1" suite="$2" codename mirror keyring
  shift 2
  # Uses the mirror that is configured for the machine's own suite. A fixed address would not work behind a proxy.
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016 # apt's own variables
  mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$codename" '($1 == suite || $1 == "stable") && $2 == "main" { print $3; exit }')
  [[ -n $mirror ]] || { echo "no package source for Debian $codename is configured"; return 1; }
  for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do [[ -e $keyring ]] && break; done
  printf 'deb [signed-by=%s] %s %s main\n' "$keyring" "$mirror" "$suite" >"$apt/sources.list"
  private_apt "$apt" -o "Dir::Etc::SourceList=$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
    -o Dir::Etc::PreferencesParts=/dev/null "$@"
}

is_debian() { can_unpack_debian && [[ $(. /etc/os-release && echo "$ID") == debian ]]; }

fetch_consul() {
  local apt="$tools/apt/consul"
  rm -rf "$apt" && mkdir -p "$apt"
  suite_apt "$apt" "$CONSUL_SUITE" update || return
  (cd "$apt" && suite_apt "$apt" "$CONSUL_SUITE" download consul) || return
  unpack consul || return
  link "$tools/consul/usr/bin/consul" consul
  rm -rf "$apt"
}

part_redis8() {
  local server="$tools/redis8/bin/redis-server" how="name a Redis 8 in REDIS_SERVER_BIN, and run the tests yourself"
  [[ ! -x $server ]] || return 0
  is_debian || { fault "Redis 8 (it can be fetched on Debian only)" "$how"; return 1; }
  say "redis-server from Debian's $REDIS8_SUITE into .tools/redis8"
  logged redis8 fetch_redis8 || { fault "Redis 8 (its Debian packages could not be fetched: .tools/log/redis8.log)" "$how"; return 1; }
  "$server" --version >/dev/null || { rm -f "$server"; fault "Redis 8 (the unpacked one does not run)" "$how"; return 1; }
}

fetch_redis8() {
  local apt="$tools/apt/redis8" packages
  rm -rf "$apt" && mkdir -p "$apt"
  suite_apt "$apt" "$REDIS8_SUITE" update || return
  # On a system that has nothing, apt names all that Redis needs. Its libraries are enough to run it.
  : >"$apt/installed"
  packages=$(suite_apt "$apt" "$REDIS8_SUITE" -o "Dir::State::Status=$apt/installed" install --simulate --no-install-recommends \
    redis-server | sed -nE 's/^Inst ((redis-|lib|zlib)[^ ]*) .*/\1/p') || return
  # shellcheck disable=SC2086 # one word per package
  (cd "$apt" && suite_apt "$apt" "$REDIS8_SUITE" download $packages) || return
  unpack redis8 || return
  mkdir -p "$tools/redis8/bin"
  # The C library of the machine may be older, so that of the suite is used, with the loader that belongs to it.
  cat >"$tools/redis8/bin/redis-server" <<'END' || return
#!/bin/sh
here=$(readlink -f "$0")
usr=${here%/*}/../usr
for loader in "$usr"/lib/*-linux-gnu*/ld-linux*.so.*; do exec "$loader" --library-path "${loader%/*}" "$usr/bin/redis-server" "$@"; done
END
  chmod +x "$tools/redis8/bin/redis-server"
  rm -rf "$apt"
}

# --- kustomize ------------------------------------------------------------------------------------------------------------

part_kustomize() {
  local how="install Go, or kustomize itself (Debian 13: apt-get install kustomize)"
  ! command -v kustomize >/dev/null || return 0
  command -v go >/dev/null || { fault "kustomize (this machine has no Go to build it with)" "$how"; return 1; }
  say "kustomize $KUSTOMIZE from Go's module proxy into .tools/bin"
  GOBIN="$tools/bin" GOPATH="$tools/cache/go" GOCACHE="$tools/cache/go-build" GOFLAGS=-modcacherw \
    logged kustomize go install "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE" ||
    { fault "kustomize (Go could not build it: .tools/log/kustomize.log)" "$how"; return 1; }
}

# The newest Jaeger that is to be had as a Go module, and a collector with the parts that deploy/otel uses. It is one
# release newer than that of deploy/compose.yaml: Go's checksum database does not know all modules of 0.138. Jaeger's
# own page is not in the module.
part_jaeger() {
  local to="$tools/jaeger" how="install Go, or put the programs jaeger and otelcol into .tools/jaeger"
  [[ ! -x $to/jaeger || ! -x $to/otelcol ]] || return 0
  command -v go >/dev/null || { fault "Jaeger (this machine has no Go to build it with)" "$how"; return 1; }
  say "Jaeger and the OpenTelemetry Collector from Go's module proxy into .tools/jaeger"
  export GOPATH="$tools/cache/go" GOCACHE="$tools/cache/go-build" GOFLAGS="-modcacherw -buildvcs=false"
  logged jaeger build_jaeger || { fault "Jaeger (Go could not build it: .tools/log/jaeger.log)" "$how"; return 1; }
}

build_jaeger() {
  local work="$tools/jaeger/build" core="go.opentelemetry.io/collector" more="github.com/open-telemetry/opentelemetry-collector-contrib"
  rm -rf "$work" && mkdir -p "$work/jaeger" "$work/otelcol" || return
  # `go install` refuses Jaeger for its `replace`, so a module of our own repeats it.
  cat >"$work/jaeger/go.mod" <<'END'
module jaeger

go 1.24.6

require github.com/jaegertracing/jaeger v1.76.0

replace github.com/Shopify/sarama => github.com/Shopify/sarama v1.33.0
END
  (cd "$work/jaeger" && go build -mod=mod -o "$tools/jaeger/jaeger" github.com/jaegertracing/jaeger/cmd/jaeger) || return
  cat >"$work/otelcol/builder.yaml" <<END
dist: { name: otelcol, output_path: $work/otelcol/out }
receivers: [{ gomod: $core/receiver/otlpreceiver v0.139.0 }]
processors:
  - gomod: $core/processor/memorylimiterprocessor v0.139.0
  - gomod: $core/processor/batchprocessor v0.139.0
  - gomod: $more/processor/tailsamplingprocessor v0.139.0
connectors: [{ gomod: $more/connector/spanmetricsconnector v0.139.0 }]
exporters:
  - gomod: $core/exporter/otlpexporter v0.139.0
  - gomod: $more/exporter/prometheusexporter v0.139.0
extensions: [{ gomod: $more/extension/healthcheckextension v0.139.0 }]
providers:
  - gomod: $core/confmap/provider/envprovider v1.45.0
  - gomod: $core/confmap/provider/fileprovider v1.45.0
  - gomod: $core/confmap/provider/yamlprovider v1.45.0
END
  (cd "$work/otelcol" && go run "$core/cmd/builder@v0.139.0" --config=builder.yaml) || return
  mv "$work/otelcol/out/otelcol" "$tools/jaeger/otelcol" && rm -rf "$work"
}

# --- sandbox --------------------------------------------------------------------------------------------------------------

part_sandbox() {
  [[ $(uname -s) == Linux ]] || return 0
  local absent="$tools/sandbox.absent"
  present bwrap CCSP_EXECUTOR_BWRAP_BIN >/dev/null && present socat CCSP_EXECUTOR_SOCAT_BIN >/dev/null && return
  can_unpack_debian || { without_sandbox "this machine has no apt-get to fetch bubblewrap and socat with"; return; }
  # Most make targets run this part. So a failed download is not retried within a day.
  [[ -z $(find "$absent" -mtime -1 2>/dev/null) ]] || { without_sandbox "$(cat "$absent")"; return; }
  say "bubblewrap and socat from this system's own package source into .tools/sandbox"
  if ! logged sandbox fetch_sandbox; then
    echo "their Debian packages could not be fetched: .tools/log/sandbox.log" >"$absent"
  elif ! "$tools/bin/bwrap" --version >/dev/null || ! "$tools/bin/socat" -V >/dev/null; then
    rm -f "$tools/bin/bwrap" "$tools/bin/socat"
    echo "the unpacked ones do not run" >"$absent"
  else
    rm -f "$absent"
    return
  fi
  without_sandbox "$(cat "$absent")"
}

# without_sandbox WHY: prints the consequence of having no bubblewrap, and how to get it.
without_sandbox() {
  say "no sandbox for runs ($1): a task's tools can do all that the executor's user can. To get it: install bubblewrap and socat"
}

fetch_sandbox() {
  local apt="$tools/apt/sandbox" packages name
  rm -rf "$apt" && mkdir -p "$apt"
  private_apt "$apt" update || return
  # Also fetches the libraries that the system lacks.
  packages=$(private_apt "$apt" install --simulate --no-install-recommends bubblewrap socat | sed -n 's/^Inst \([^ ]*\) .*/\1/p') || return
  packages=$(printf '%s\n' bubblewrap socat "$packages" | sort -u)
  # shellcheck disable=SC2086 # one word per package
  (cd "$apt" && private_apt "$apt" download $packages) || return
  unpack sandbox || return
  mkdir -p "$tools/sandbox/bin" || return
  # Only these programs get the libraries, and no program that bwrap starts.
  for name in bwrap socat; do
    cat >"$tools/sandbox/bin/$name" <<'END' || return
#!/bin/sh
here=$(readlink -f "$0")
usr=${here%/*}/../usr
name=${here##*/}
for folder in "$usr"/lib/*-linux-*; do [ -d "$folder" ] && libraries=${libraries:+$libraries:}$folder; done
[ -z "$libraries" ] || [ -n "$LD_LIBRARY_PATH" ] || { [ "$name" = bwrap ] && set -- --unsetenv LD_LIBRARY_PATH "$@"; }
[ -z "$libraries" ] || export LD_LIBRARY_PATH="$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$usr/bin/$name" "$@"
END
    chmod +x "$tools/sandbox/bin/$name"
    link "$tools/sandbox/bin/$name" "$name" || return
  done
  rm -rf "$apt"
}

# --- build ----------------------------------------------------------------------------------------------------------------

part_build() {
  [[ -x node_modules/.bin/tsc ]] || { fault "the build (it needs the Node packages)" "deploy/setup.sh node"; return 1; }
  logged build node_modules/.bin/tsc -b tsconfig.build.json ||
    { fault "the build: the compiler found the errors above" "fix them, then make build"; return 1; }
  logged bundle node .ci/bundle.mjs || fault "the bundles of the services and of the command: see the lines above" "fix it, then make build"
  logged dashboard node packages/dashboard/build.mjs || fault "the dashboard: see the lines above" "fix it, then make build"
}

parts=()
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit ;;
    consul) rm -f "$tools/consul.absent"; parts+=(consul) ;;
    sandbox) rm -f "$tools/sandbox.absent"; parts+=(sandbox) ;;
    node | redis | build | node22 | claude-old | redis8 | kustomize | jaeger) parts+=("$argument") ;;
    *) usage >&2; exit 2 ;;
  esac
done
[[ ${#parts[@]} -gt 0 ]] || parts=(node redis consul sandbox build)

# A failed part does not stop the other parts, so that the list at the end is complete.
for part in "${parts[@]}"; do "part_$part" || true; done

if [[ ${#faults[@]} -gt 0 ]]; then
  printf '\nsetup: these are still missing; how to get them:\n' >&2
  printf '  - %s\n' "${faults[@]}" >&2
  exit 1
fi
