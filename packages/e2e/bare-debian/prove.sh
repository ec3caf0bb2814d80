#!/usr/bin/env bash
# Makes a minimal Debian in a folder, and follows the README in it: as an unprivileged user, in a path with a space, with
# a home folder that nobody can write to. What needs a network runs first; the rest has no network at all.
#
#   prove.sh WORK REPOSITORY
#
# WORK is an empty folder; the caller deletes it. REPOSITORY is the repository to clone: its last commit counts. WORK/as-root
# holds the commands for root, WORK/steps/*.sh the steps in their order; `NAME.online.sh` has the network of this machine.
# Prints one line for each step, with its time. Exit code 77 when such a root cannot be made here.
set -euo pipefail

work=$1 repository=$2
root=$work/root

cannot() { printf 'cannot: %s\n' "$*"; exit 77; }
[[ $(id -u) == 0 ]] || cannot "it needs root"
for program in debootstrap unshare setpriv chroot ip; do
  command -v "$program" >/dev/null || cannot "there is no $program"
done
unshare --mount --net --pid --fork true 2>/dev/null || cannot "this machine allows no new namespaces"
# The package source of this machine. A fixed address would not work behind a proxy.
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
  awk '($1 == "trixie" || $1 == "stable") && $2 == "main" { print $3; exit }')
[[ -n $mirror ]] || cannot "apt has no package source of Debian 13"

# timed NAME COMMAND...: prints how long it took. If it fails, prints the end of its output.
timed() {
  local name=$1 started=$EPOCHREALTIME log
  log=$work/log/$1.log
  shift
  mkdir -p "$work/log"
  if ! "$@" >"$log" 2>&1 </dev/null; then
    printf 'FAILED %s\n' "$name"
    tail -n 60 "$log"
    exit 1
  fi
  awk -v a="$started" -v b="$EPOCHREALTIME" -v name="$name" 'BEGIN { printf "step %-28s %6.1f s\n", name, b - a }'
}

# inside USER SCRIPT: runs a script of the root's folder /steps. All its processes end with it.
inside() {
  local user=$1 script=$2 net=()
  [[ $script == *.online.sh || $user == root ]] || net=(--net)
  local as=(setpriv --reuid "$user" --regid "$user" --init-groups)
  [[ $user != root ]] || as=()
  # The variables of the machine that say where registries and certificates are; nothing else of the environment.
  local env=(PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=$([[ $user == root ]] && echo /root || echo "/home/$user") USER=$user LANG=C.UTF-8) name
  for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY npm_config_registry NPM_CONFIG_REGISTRY; do
    [[ -z ${!name:-} ]] || env+=("$name=${!name}")
  done
  [[ ! -s $root/etc/ssl/certs/ca-certificates.crt ]] ||
    env+=(NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt)
  unshare --mount --pid --fork --kill-child "${net[@]}" sh -c '
    set -e
    root=$1; shift
    ip link set lo up 2>/dev/null || true
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    if [ -d "$root/home/ada" ]; then mount --bind "$root/home/ada" "$root/home/ada" && mount -o remount,bind,ro "$root/home/ada"; fi
    exec chroot "$root" "$@"' sh "$root" env -i "${env[@]}" "${as[@]}" bash -euo pipefail "/steps/$script"
}

make_root() {
  debootstrap --variant=minbase trixie "$root" "$mirror"
  # What this machine says about its package source and its network.
  rm -f "$root/etc/apt/sources.list"
  cp -a /etc/apt/sources.list.d/debian.sources "$root/etc/apt/sources.list.d/" 2>/dev/null ||
    printf 'deb %s trixie main\n' "$mirror" >"$root/etc/apt/sources.list"
  cp -a /etc/apt/auth.conf.d/. "$root/etc/apt/auth.conf.d/" 2>/dev/null || true
  find /etc/apt/apt.conf.d -name '9*' -exec cp -a {} "$root/etc/apt/apt.conf.d/" \;
  cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
  mkdir -p "$root/usr/local/share/ca-certificates" "$root/steps"
  cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null || true
  cp "$work"/steps/*.sh "$root/steps/"
  { echo 'export DEBIAN_FRONTEND=noninteractive'; echo 'apt-get -q update'; sed 's/^apt-get install/apt-get install -y/' "$work/as-root"; } \
    >"$root/steps/packages.sh"
}

make_user() {
  chroot "$root" useradd --create-home --shell /bin/bash ada
  [[ ! -e $HOME/.npmrc ]] || cp "$HOME/.npmrc" "$root/home/ada/.npmrc"
  git clone -q --bare "file://$repository" "$root/srv/ccsp.git"
  mkdir -p "$root/srv/my projects"
  chroot "$root" chown -R ada:ada /srv "/home/ada"
}

timed "minimal Debian" make_root
timed "packages as root" inside root packages.sh
timed "user, repository" make_user
for step in "$root"/steps/[0-9]*.sh; do
  name=$(basename "$step" .sh)
  timed "${name%.online}" inside ada "$(basename "$step")"
done
