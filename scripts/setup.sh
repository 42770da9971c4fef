#!/usr/bin/env bash
# Makes this machine ready to build and to test: the virtual environment .venv, a few Debian packages, a Docker engine.
# What is there already is left alone, so that a second run costs a fraction of a second and changes nothing.
#
# Usage: scripts/setup.sh [python|machine|all]     python: only .venv     machine: only packages and engine
# Environment: PYTHON       the interpreter .venv is made with (default: the first one found that is new enough)
#              DOCKER_HOST  an engine to use; then none is installed and none is started
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly top
readonly venv=$top/.venv
readonly engine_wait=60 # seconds
# The environment's own python3 must not be the one that makes it.
PATH=$(printf %s "$PATH" | tr : '\n' | { grep -vxF "$venv/bin" || true; } | paste -sd:)
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # a plain user's PATH on Debian has no dockerd
export PATH

# What must be there (a command, or a file's path) and the Debian packages that bring it, the first one known to apt is
# taken. To need something more, add a line.
packages() {
  cat <<'LIST'
/etc/ssl/certs/ca-certificates.crt  ca-certificates
mmdebstrap                          mmdebstrap
docker                              docker-cli docker.io
shellcheck                          shellcheck
LIST
  # An engine is installed only if no other one serves this machine.
  if ! engine_answers && engine_is_ours; then echo "dockerd docker.io"; fi
}

# Programs the tests start themselves, whose Debian package would also start a service on this machine: their package is
# unpacked and the program put into .venv/bin; nothing is installed.
programs() {
  cat <<'LIST'
docker-registry  docker-registry
LIST
}

say() { printf 'setup: %s\n' "$*"; }
fail() {
  printf 'setup: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 3
}
is_there() { case $1 in /*) [ -e "$1" ] ;; *) command -v "$1" >/dev/null 2>&1 || [ -x "$venv/bin/$1" ] ;; esac; }
is_debian() { command -v apt-get >/dev/null 2>&1 && [ -e /etc/debian_version ]; }
is_root() { [ "$(id -u)" -eq 0 ]; }

# --- Debian packages -------------------------------------------------------------------------------------------------

refreshed=
# Reads the package lists, once a run. A third party's archive that does not answer is no reason to stop here: whether
# all that is needed can be had, the installation says.
apt_refresh() {
  [ -z "$refreshed" ] || return 0
  say "reading the package lists"
  apt-get -qq -o DPkg::Lock::Timeout=300 update || say "some package lists could not be read, going on with the others"
  refreshed=yes
}

# apt_known PACKAGE...: prints the first package apt can install.
apt_known() {
  local name
  for name in "$@"; do
    if apt-cache --no-all-versions show "$name" >/dev/null 2>&1; then echo "$name" && return; fi
  done
  fail "no Debian package named $* is known to apt" "Look at the sources in /etc/apt and run this again."
}

# apt_install PACKAGE...
apt_install() {
  say "installing $*"
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "$@" >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    fail "apt-get could not install $*" "The whole output is in $log"
  }
}

# unpack_program PROGRAM PACKAGE: puts one program of a package into .venv/bin.
unpack_program() {
  local directory
  say "unpacking $1 into .venv/bin"
  directory=$(mktemp -d)
  (
    cd "$directory"
    apt-get -qq -o APT::Sandbox::User=root download "$2"
    dpkg-deb --extract ./*.deb .
    install -D -m 755 "usr/bin/$1" "$venv/bin/$1"
  ) || fail "could not get $1 out of Debian's package $2"
  rm -rf "$directory"
}

debian_packages() {
  local need names missing=() wanted=() programs=()
  while read -r need names; do
    is_there "$need" || missing+=("$names")
  done < <(packages)
  while read -r need names; do
    is_there "$need" || programs+=("$need $names")
  done < <(programs)
  [ $((${#missing[@]} + ${#programs[@]})) -gt 0 ] || return 0

  if ! is_debian || ! is_root; then
    fail "needed, and not here: ${missing[*]} ${programs[*]%% *}" \
      "Install them (those are Debian's package names), or run this as root on Debian."
  fi
  apt_refresh
  for names in "${missing[@]}"; do
    # shellcheck disable=SC2086 # the names are words
    wanted+=("$(apt_known $names)") || exit
  done
  [ ${#wanted[@]} -eq 0 ] || apt_install "${wanted[@]}"
  for names in "${programs[@]}"; do
    # shellcheck disable=SC2086 # program and package are words
    unpack_program $names
  done
}

# --- The virtual environment -----------------------------------------------------------------------------------------

# Prints the path of the first interpreter that is new enough and can make virtual environments.
find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3}; do
    "$candidate" - 2>/dev/null <<'PYTHON' && return
import sys
if sys.version_info < (3, 11):
    sys.exit(1)
import ensurepip, venv
print(sys.executable)
PYTHON
  done
  return 1
}

# What .venv was made from; another content means: bring it up to date.
venv_state() {
  printf 'here: %s\n' "$top"
  sha256sum <"$top/pyproject.toml"
}

virtual_environment() {
  local state python
  state=$(venv_state)
  if [ "$(cat "$venv/.goldsmith" 2>/dev/null)" = "$state" ] && "$venv/bin/python" -c '' 2>/dev/null; then return; fi

  exec 8>"$top/build/setup.lock"
  flock 8 # another `make` may be at it
  if [ "$(cat "$venv/.goldsmith" 2>/dev/null)" = "$state" ] && "$venv/bin/python" -c '' 2>/dev/null; then return; fi

  python=$(find_python) || {
    if [ -z "${PYTHON:-}" ] && is_debian && is_root; then
      apt_refresh
      apt_install python3 python3-venv
    fi
    python=$(find_python) || fail "no Python 3.11 or newer with the modules venv and ensurepip was found" \
      "On Debian and Ubuntu: apt-get install python3-venv. Another interpreter: make setup PYTHON=/path/to/python3"
  }
  # A checkout that was moved, or an interpreter that is gone, leaves an environment that cannot be mended.
  if ! grep -qxF "here: $top" "$venv/.goldsmith" 2>/dev/null || ! "$venv/bin/python" -c '' 2>/dev/null; then
    say "making .venv with $python"
    "$python" -m venv --clear "$venv"
  fi
  say "installing the Python packages into .venv (the first time: a minute or two, and 120 MB to load)"
  rm -f "$venv/.goldsmith"
  (cd "$top" && "$venv/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off -e '.[dev]') \
    2>&1 | tee "$log" | sed -n -u -e 's/^ *Downloading \([^ /]*\).*(\([0-9.]* MB\)).*/setup:   \1 (\2)/p' \
    -e 's/^Installing collected packages.*/setup:   installing them/p' || {
    tail -n 30 "$log" >&2
    fail "pip could not install the project into .venv" "The whole output is in $log"
  }
  printf '%s\n' "$state" >"$venv/.goldsmith"
  exec 8>&-
}

# --- The Docker engine -----------------------------------------------------------------------------------------------

# The engine that Goldsmith's modules talk to: they know DOCKER_HOST, and not the command line's contexts.
engine_answers() {
  if command -v docker >/dev/null; then
    timeout 10 docker --host "${DOCKER_HOST:-unix:///var/run/docker.sock}" version --format '{{.Server.Version}}'
  else
    "$venv/bin/python" -c 'import docker; docker.from_env(timeout=10).ping()'
  fi >/dev/null 2>&1
}
engine_is_ours() { [ -z "${DOCKER_HOST:-}" ]; }
dockerd_runs() { [ -e /run/docker.pid ] && kill -0 "$(cat /run/docker.pid)" 2>/dev/null; }

# Starts dockerd apart from this script's session, terminal and open files.
start_dockerd() {
  say "starting dockerd, which writes to $engine_log"
  setsid dockerd >>"$engine_log" 2>&1 </dev/null 8>&- 9>&- &
}

docker_engine() {
  local deadline dockerd_pid
  if engine_answers; then return; fi
  engine_is_ours || fail "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST" "Start it, or unset DOCKER_HOST to use the local one."
  is_root || fail "no Docker engine answers at /var/run/docker.sock" \
    "If one is running, you may have no access to it: join the group docker and log in again." \
    "If none is: install and start it (Debian: docker.io), or run this as root on Debian, or set DOCKER_HOST."

  if [ -d /run/systemd/system ]; then
    say "starting docker.service"
    systemctl start docker.service || fail "docker.service does not start" "See: journalctl -u docker.service"
  elif ! dockerd_runs; then
    start_dockerd
    dockerd_pid=$!
  fi
  deadline=$((SECONDS + engine_wait))
  until engine_answers; do
    if [ $SECONDS -ge $deadline ] || { [ -n "${dockerd_pid:-}" ] && ! kill -0 "$dockerd_pid" 2>/dev/null; }; then
      [ ! -e "$engine_log" ] || tail -n 20 "$engine_log" >&2
      fail "the Docker engine did not come up within $engine_wait s" "Its log: $engine_log, or: journalctl -u docker.service"
    fi
    sleep 0.2
  done
  say "the Docker engine answers"
}

machine() {
  if is_root; then # an engine and packages are the whole machine's: other checkouts wait here too
    mkdir -p /run/lock
    exec 9>/run/lock/goldsmith-setup.lock
    flock 9
  fi
  debian_packages
  docker_engine
  exec 9>&-
}

mkdir -p "$top/build"
log=$top/build/setup.log
engine_log=/var/log/goldsmith-dockerd.log
case ${1:-all} in
  python) virtual_environment ;;
  machine) machine ;;
  all)
    virtual_environment
    machine
    ;;
  *) fail "usage: scripts/setup.sh [python|machine|all]" ;;
esac
