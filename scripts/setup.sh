#!/usr/bin/env bash
# Makes this machine ready to build and to test: the virtual environment .venv, a few Debian packages, a Docker engine.
# What is there already is left alone, so that a second run costs a fraction of a second and changes nothing.
#
# Usage: scripts/setup.sh [python|all]             python: only .venv
# Environment: PYTHON       the interpreter .venv is made with (default: the first one found that is new enough, the
#                           distribution's before others)
#              DOCKER_HOST  an engine to use; then none is installed and none is started
# Exit status: 0 ready, 3 something is missing that this script cannot bring
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly top venv=$top/.venv log=$top/build/setup.log engine_log=/var/log/goldsmith-dockerd.log
readonly engine_wait=60 # seconds
# The environment's own python3 must not be the one that makes it; a plain user's PATH on Debian lacks dockerd.
PATH=$(printf %s "$PATH" | tr : '\n' | { grep -vxF "$venv/bin" || true; } | paste -sd:):/usr/local/sbin:/usr/sbin:/sbin
export PATH

# --- What is needed --------------------------------------------------------------------------------------------------

# What must be there, a command or a path with wildcards, and the Debian packages that bring it, of which the first one
# that apt knows is taken. To need something more, add a line.
packages() {
  if [ -z "${PYTHON:-}" ] && ! environment_works && lacks_python; then echo "python3-with-venv python3-venv"; fi
  [ "$1" = all ] || return 0
  cat <<'LIST'
/etc/ssl/certs/ca-certificates.crt  ca-certificates
mmdebstrap                          mmdebstrap
docker                              docker-cli docker.io
shellcheck                          shellcheck
ssh                                 openssh-client
gpg                                 gpg
apt-ftparchive                      apt-utils
iptables                            iptables
qemu-system-x86_64                  qemu-system-x86
/usr/share/ovmf/OVMF.fd             ovmf
sfdisk                              fdisk
mkfs.vfat                           dosfstools
mcopy                               mtools
grub-mkimage                        grub-common
qemu-img                            qemu-utils
zstd                                zstd
/usr/lib/grub/i386-pc/kernel.img    grub-pc-bin
/usr/lib/grub/x86_64-efi/kernel.img grub-efi-amd64-bin
debugfs                             e2fsprogs
mkfs.xfs                            xfsprogs
LIST
  # Ubuntu has it as a snap only.
  if grep -qsx 'ID=debian' /etc/os-release; then printf '%s\n' 'chromium chromium' 'chromedriver chromium-driver'; fi
  if engine_is_ours && ! engine_answers; then echo "dockerd docker.io"; fi
}

# Programs that only tests start, and whose package might start them as a service of this machine too: the package is
# unpacked, the program goes into .venv/bin, and nothing is installed. An optional one is done without where apt does not
# know it: Debian 12 is the last one with packer, and its test is skipped then.
programs() {
  cat <<'LIST'
docker-registry  docker-registry
packer           packer           optional
LIST
}

# --- Helpers ---------------------------------------------------------------------------------------------------------

say() { printf 'setup: %s\n' "$*"; }

# fail MESSAGE [HINT...]
fail() {
  printf 'setup: %s\n' "$1" >&2
  shift
  [ $# -eq 0 ] || printf '       %s\n' "$@" >&2
  exit 3
}

is_root() { [ "$(id -u)" -eq 0 ]; }
is_debian() { [ -e /etc/debian_version ] && command -v apt-get >/dev/null; }
is_there() { case $1 in /*) compgen -G "$1" >/dev/null ;; *) command -v "$1" >/dev/null || [ -x "$venv/bin/$1" ] ;; esac; }

# Packages and engine are the whole machine's: while one checkout brings them, the others wait.
lock_machine() {
  is_root || return 0
  mkdir -p /run/lock
  exec 9>/run/lock/goldsmith-setup.lock
  flock 9
}
unlock_machine() { exec 9>&-; }

# --- Debian packages -------------------------------------------------------------------------------------------------

# may_install NAME...: goes no further where nothing can be installed.
may_install() {
  if is_debian && is_root; then return; fi
  fail "needed, and not here: $*" "Install them (those are the names of Debian's packages), or run this as root on Debian."
}

refreshed=
# Reads the package lists, once a run. An archive of somebody else that does not answer is no reason to stop: the
# installation will tell whether what is needed can be had.
apt_refresh() {
  [ -z "$refreshed" ] || return 0
  say "reading the package lists"
  apt-get -qq -o DPkg::Lock::Timeout=300 update || say "some package lists could not be read, going on with the others"
  refreshed=yes
}

# apt_known PACKAGE...: prints the first package that apt can install.
apt_known() {
  local name
  for name in "$@"; do
    if [ -n "$(apt-cache --no-all-versions show "$name" 2>/dev/null)" ]; then echo "$name" && return; fi
  done
  fail "apt knows no package named $*" "Look at the sources in /etc/apt, and run this again."
}

# may_be_had PACKAGE: tells whether it could be installed, by the package lists as they are.
may_be_had() { is_debian && is_root && [ -n "$(apt-cache --no-all-versions show "$1" 2>/dev/null)" ]; }

# missing_packages python|all: prints the Debian packages that bring what is missing, a line for each need.
missing_packages() {
  local need names
  packages "$1" | while read -r need names; do is_there "$need" || echo "$names"; done
}

# Tests start a PostgreSQL of their own. Its package would make a database for this machine, and start a server for it;
# while this file says otherwise it does not. Afterwards the package's own settings are put there, for who wants one later.
readonly postgresql_settings=/etc/postgresql-common/createcluster.conf
install_without_database() {
  local made=
  if [[ " $* " = *" postgresql "* && ! -e $postgresql_settings ]]; then
    made=yes
    mkdir -p "${postgresql_settings%/*}"
    echo 'create_main_cluster = false' >"$postgresql_settings"
  fi
  install_packages "$@" || return
  if [ -n "$made" ] && [ -e "/usr/share/postgresql-common/${postgresql_settings##*/}" ]; then
    cp "/usr/share/postgresql-common/${postgresql_settings##*/}" "$postgresql_settings"
  fi
}
install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
    install --no-install-recommends "$@" >"$log" 2>&1 </dev/null
}

# debian_packages python|all
debian_packages() {
  local names missing wanted=()
  missing=$(missing_packages "$1")
  [ -n "$missing" ] || return 0
  may_install "${missing//$'\n'/, }"
  lock_machine
  apt_refresh
  while read -r names; do
    # shellcheck disable=SC2086 # the names are words
    wanted+=("$(apt_known $names)") || exit
  done < <(missing_packages "$1" | sort -u)
  if [ ${#wanted[@]} -gt 0 ]; then
    say "installing ${wanted[*]}"
    install_without_database "${wanted[@]}" || {
      tail -n 20 "$log" >&2
      fail "apt-get could not install ${wanted[*]}" "The whole output is in $log"
    }
  fi
  unlock_machine
}

unpacked_programs() {
  local program package need directory
  while read -r program package need; do
    if is_there "$program"; then continue; fi
    if [ "$need" = optional ] && ! may_be_had "$package"; then continue; fi
    may_install "$package"
    lock_machine
    if is_there "$program"; then continue; fi
    apt_refresh
    say "unpacking $program into .venv/bin"
    directory=$(mktemp -d)
    (
      cd "$directory"
      apt-get -qq -o APT::Sandbox::User=root download "$package"
      dpkg-deb --extract ./*.deb .
      install -m 755 "usr/bin/$program" "$venv/bin/$program"
    ) || fail "could not get $program out of Debian's package $package"
    rm -rf "$directory"
  done < <(programs)
  unlock_machine
}

# --- The virtual environment -----------------------------------------------------------------------------------------

# Prints the path of the first interpreter that is new enough and can make virtual environments. The distribution's own
# comes first: it is compiled with profile-guided optimisation, and one from elsewhere was seen to take 1.4 times as long.
find_python() {
  local candidate
  for candidate in ${PYTHON:-/usr/bin/python3 python3 python3.11 python3.12 python3.13 python3.14}; do
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

# Tells whether Debian's package should be installed: nothing else will do, or only that is missing to the better one.
lacks_python() {
  ! find_python >/dev/null || {
    is_root && may_be_had python3-venv && ! /usr/bin/python3 -c 'import ensurepip' 2>/dev/null &&
      /usr/bin/python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
  }
}

# What .venv was made from. The path is part of it: an environment that is moved does not work.
environment_state() {
  printf 'here: %s\n' "$top"
  sha256sum <"$top/pyproject.toml"
}
environment_works() { grep -qsxF "here: $top" "$venv/.goldsmith" && "$venv/bin/python" -c '' 2>/dev/null; }
environment_is_ready() { environment_works && [ "$(environment_state)" = "$(<"$venv/.goldsmith")" ]; }

virtual_environment() {
  local python pip=("$venv/bin/python" -m pip --disable-pip-version-check --no-input)
  if environment_is_ready; then return; fi
  exec 8>"$top/build/setup.lock"
  flock 8 # another `make` may be at it
  if environment_is_ready; then return; fi
  # To make it anew would empty what it leads to, which may be another checkout's.
  [ ! -L "$venv" ] || fail ".venv is a link to $(readlink "$venv")" "Remove the link, and run this again."

  if ! environment_works; then
    python=$(find_python) || fail "no Python 3.11 or newer with the modules venv and ensurepip was found" \
      "On Debian and Ubuntu: apt-get install python3-venv. Another interpreter: make setup PYTHON=/path/to/python3"
    say "making .venv with $python"
    "$python" -m venv --clear "$venv"
    printf 'here: %s\n' "$top" >"$venv/.goldsmith"
  fi
  say "installing the Python packages into .venv (the first time: a minute or two, and 120 MB to load)"
  (cd "$top" && "${pip[@]}" install --no-compile --progress-bar off -e '.[dev,lab,fast]') 2>&1 </dev/null | tee "$log" |
    sed -n -u -e 's/^ *Downloading \([^ /]*\).*(\([0-9.]* MB\)).*/setup:   \1 (\2)/p' \
      -e 's/^Installing collected packages.*/setup:   installing them/p' || {
    tail -n 30 "$log" >&2
    fail "pip could not install the project into .venv" "The whole output is in $log"
  }
  # pip would compile with one process, and also the thousands of modules in `ansible` that are never imported here.
  # A file that does not compile (a template, another Python's) is none of ours.
  "$venv/bin/python" -m compileall -q -j 0 -x '/ansible_collections/' "$venv/lib" >/dev/null 2>&1 || true
  environment_state >"$venv/.goldsmith"
  exec 8>&-
}

# --- The Docker engine -----------------------------------------------------------------------------------------------

engine_is_ours() { [ -z "${DOCKER_HOST:-}" ]; }
# Asks the engine that Goldsmith's modules talk to: they know DOCKER_HOST, and not the docker command's contexts. Without
# that command, a socket has to do as a sign of an engine.
engine_answers() {
  if ! command -v docker >/dev/null; then
    [ -S /var/run/docker.sock ]
  else
    timeout 10 docker --host "${DOCKER_HOST:-unix:///var/run/docker.sock}" version --format '{{.Server.Version}}' >/dev/null 2>&1
  fi
}
dockerd_runs() { [ -e /run/docker.pid ] && kill -0 "$(</run/docker.pid)" 2>/dev/null; }

# The kernel gives a bridge another address as containers come and go, unless one was set, which not every engine does.
# The other containers then talk to the old one, and their downloads stall for half a minute.
keep_bridge_address() {
  local bridge=/sys/class/net/docker0
  if is_root && [ "$(cat $bridge/addr_assign_type 2>/dev/null)" = 1 ] && command -v ip >/dev/null; then
    ip link set dev docker0 address "$(<$bridge/address)"
  fi
}

docker_engine() {
  local deadline dockerd=
  if engine_answers; then return; fi
  engine_is_ours || fail "no Docker engine answers at DOCKER_HOST=$DOCKER_HOST" \
    "Start it, or unset DOCKER_HOST to use this machine's own."
  is_root || fail "no Docker engine answers at /var/run/docker.sock" \
    "If one is running, you may have no access to it: join the group docker and log in again." \
    "If none is: install and start it (Debian: docker.io), or run this as root on Debian, or set DOCKER_HOST."
  lock_machine
  if engine_answers; then return; fi

  if [ -d /run/systemd/system ]; then
    say "starting docker.service"
    systemctl start docker.service || fail "docker.service does not start" "See: journalctl -u docker.service"
  elif ! dockerd_runs; then
    say "starting dockerd, which writes to $engine_log"
    # It outlives this script: a session of its own, and none of its files, locks or terminals.
    setsid dockerd >>"$engine_log" 2>&1 </dev/null 8>&- 9>&- &
    dockerd=$!
  fi
  deadline=$((SECONDS + engine_wait))
  until engine_answers; do
    if [ $SECONDS -ge $deadline ] || { [ -n "$dockerd" ] && ! kill -0 "$dockerd" 2>/dev/null; }; then
      [ ! -e "$engine_log" ] || tail -n 20 "$engine_log" >&2
      fail "the Docker engine has ended again, or did not answer within $engine_wait s" \
        "Its log: $engine_log, or with systemd: journalctl -u docker.service"
    fi
    sleep 0.2
  done
  say "the Docker engine answers"
  unlock_machine
}

mkdir -p "$top/build"
case ${1:-all} in
  python)
    debian_packages python
    virtual_environment
    ;;
  all)
    debian_packages all
    virtual_environment
    unpacked_programs
    docker_engine
    keep_bridge_address
    ;;
  *) fail "usage: scripts/setup.sh [python|all]" ;;
esac
