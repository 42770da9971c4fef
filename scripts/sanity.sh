#!/usr/bin/env bash
# Runs `ansible-test sanity` on the collection where it lies. Arguments go to ansible-test: scripts/sanity.sh --test pylint
#
# Without arguments, pylint runs beside all the others, as it takes as long as they do, and this is left out:
# - pep8, and pylint of the unit tests: ruff checks all of it
# - yamllint and runtime-metadata: ansible-lint runs yamllint and knows the schema of meta/runtime.yml
# - import under the Pythons between the oldest and the newest: what both of these have, those between them have as well
# `scripts/sanity.sh --color no` leaves nothing out.
#
# ansible-test makes a virtual environment for each kind of test and keeps them under ~/.ansible/test. By way of HOME they
# come to lie in build/sanity, so that nothing is left outside the checkout, and a second run need not make them again.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly top
readonly python=$top/.venv/bin/python home=$top/build/sanity

# ansible-test would load get-pip.py from a server of its own to bring pip into those environments; where this script's
# stand-in lies instead, the project's pip does it, from the package index this machine is set up for. It runs under the
# project's Python, as a pip that is older than the environment's Python would not run under that one.
write_bootstrap() {
  local version
  version=$(
    "$python" - <<'PYTHON'
import sys, types
from ansible_test._internal.python_requirements import get_venv_packages
print(get_venv_packages(types.SimpleNamespace(version="%d.%d" % sys.version_info[:2]))["pip"])
PYTHON
  )
  mkdir -p "$home/.ansible/test/cache"
  cat >"$home/.ansible/test/cache/get_pip_${version//./_}.py" <<PYTHON
import os, sys, sysconfig
packages = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
options = ["--quiet", "--no-compile", "--target", sysconfig.get_path("purelib")]
os.execv("$python", ["$python", "-m", "pip", "install", *options, *packages])
PYTHON
}

# ansible-test passes on neither PIP_* variables nor, with another HOME, the user's own settings of pip.
write_pip_settings() {
  mkdir -p "$home/.config/pip"
  {
    printf '%s\n' "[global]" "quiet = 2"
    "$python" -m pip config list |
      sed -n -e 's/\\n/ /g' -e "s/^\(global\|:env:\)\.\([a-z-]*\)=['\"]\(.*\)['\"]$/\2 = \3/p" |
      awk '{ setting[$1] = $0 } END { for (name in setting) print setting[name] }' # the environment comes last, and wins
  } >"$home/.config/pip/pip.conf"
}

# Modules also run on managed machines, whose Python is another one: every Python of this machine takes part. pyenv's shims
# are commands that exist and may not work, so its interpreters themselves are put in their place.
python_path() {
  local entry directory
  printf %s "$top/.venv/bin"
  while IFS= read -r -d : entry; do
    if [[ $entry == */shims && -d ${entry%/shims}/versions ]]; then
      for directory in "${entry%/shims}"/versions/*/bin; do printf ':%s' "$directory"; done
    elif [[ $entry != */pyenv*/shims ]]; then
      printf ':%s' "$entry"
    fi
  done <<<"$PATH:"
}

mkdir -p "$home"
exec 9>"$home/lock"
flock 9
write_bootstrap
write_pip_settings
PATH=$(python_path)
export PATH HOME=$home XDG_CONFIG_HOME=$home/.config XDG_CACHE_HOME=$home/.cache LC_ALL=C.UTF-8
cd "$top/collections/ansible_collections/goldsmith/images"

sanity() { "$top/.venv/bin/ansible-test" sanity --local --color no "$@"; }

# Prints the oldest and the newest version of Python that modules run on and that this machine has.
oldest_and_newest() {
  local minor
  for minor in 9 10 11 12 13; do
    if "python3.$minor" -c '' 2>/dev/null; then echo "3.$minor"; fi
  done | sed -n '1p;$p' | uniq
}

everything_else() {
  local version left_out=() name
  for name in import pep8 pylint runtime-metadata yamllint; do left_out+=(--skip-test "$name"); done
  sanity "${left_out[@]}" || return
  for version in $(oldest_and_newest); do sanity --test import --python "$version" || return; done
}

if (($#)); then
  sanity "$@"
else
  sanity --test pylint plugins/ >"$home/pylint.log" 2>&1 &
  status=0
  everything_else || status=$?
  wait $! || status=$?
  cat "$home/pylint.log"
  exit "$status"
fi
