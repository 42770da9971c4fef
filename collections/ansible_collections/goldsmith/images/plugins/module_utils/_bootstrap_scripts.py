# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs inside a builder before Ansible's Python is there, and after it is gone: plain /bin/sh."""

from __future__ import annotations

from ansible_collections.goldsmith.images.plugins.module_utils._apt_needs import FIELDS

RECORD = "/run/.goldsmith-bootstrap"
"""Where the scripts note in the container what they brought, so that they can be run again after any interruption."""

PROTECTION = "/etc/apt/apt.conf.d/99goldsmith-bootstrap"
"""APT configuration of the builder: a layer's `autoremove` must not take Python away under Ansible's feet, and a
download that stalls is asked for again at once (put off, as is APT's default, it was seen to be waited for forever)."""

BY_PRODUCTS = (
    "/var/cache/apt/archives/lock",
    "/var/cache/apt/archives/partial",
    "/var/cache/apt/pkgcache.bin",
    "/var/cache/apt/srcpkgcache.bin",
    "/var/cache/debconf/tmp.ci",
    "/var/cache/ldconfig/aux-cache",
    "/var/lib/apt/extended_states",
    "/var/lib/apt/lists/auxfiles",
    "/var/lib/apt/lists/lock",
    "/var/lib/apt/lists/partial",
    "/var/lib/dpkg/diversions-old",
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/dpkg/status-old",
    "/var/lib/dpkg/triggers/Lock",
    "/var/lib/dpkg/triggers/Unincorp",
    "/var/log/apt/eipp.log.xz",
)
"""What APT and dpkg make by the way; what of it was not there goes again."""

# What comes is noted before it comes: a run that was cut off is taken up by the next one.
PRESENT = f"""
set -eu
umask 022
exec 3>&1 >&2
record={RECORD}
note() {{ printf '%s\\n' "$*" >> "$record"; }}
note_absent() {{ for path; do [ -e "$path" ] || [ -L "$path" ] || note absent "$path"; done; }}
have() {{ command -v "$1" >/dev/null 2>&1; }}
usable() {{ "$1" -c 'import sys; sys.exit(sys.version_info < (3, 8))' 2>/dev/null; }}
finish() {{ note interpreter "$1"; note done; cat "$record" >&3; exit 0; }}
if [ -s "$record" ] && grep -q '^done' "$record"; then cat "$record" >&3; echo 'was here' >&3; exit 0; fi

if have apt-get && have dpkg-query; then
    if [ ! -s "$record" ]; then
        note manager apt
        note_absent /root/.ansible /root/.cache
        note_absent {" ".join(BY_PRODUCTS)}
        for path in /var/lib/apt/lists/partial /var/cache/apt/archives/partial; do
            [ ! -d "$path" ] || note owner "$(stat -c '%u:%g %n' "$path")"
        done
        for list in /var/lib/apt/lists/*_Packages*; do [ -e "$list" ] || note lists; break; done
        dpkg-query -W -f '${{db:Status-Abbrev}} ${{binary:Package}}\\n' | sed -n 's/^ii  */base /p' >> "$record"
        if [ ! -e /usr/sbin/policy-rc.d ] && [ ! -L /usr/sbin/policy-rc.d ]; then note policy-rc.d; fi
    fi
    if grep -q '^policy-rc.d' "$record"; then
        printf '#!/bin/sh\\nexit 101\\n' > /usr/sbin/policy-rc.d
        chmod 0755 /usr/sbin/policy-rc.d
    fi
    wanted=
    [ -x /usr/bin/python3 ] || wanted=python3
    dpkg-query -W -f '${{Status}}' python3-apt 2>/dev/null | grep -q ' installed$' || wanted="$wanted python3-apt"
    printf '%s\\n' 'Acquire::Retries "3";' 'Acquire::Retries::Delay "false";' \\
        'Acquire::http::Timeout "30";' 'Acquire::https::Timeout "30";' > {PROTECTION}
    if [ -n "$wanted" ]; then
        printf 'APT::NeverAutoRemove {{ "^python3$"; "^python3-apt$"; }};\\n' >> {PROTECTION}
        update() {{
            apt-get -q -o APT::Update::Error-Mode=any -o Acquire::Languages=none update
        }}
        install() {{
            apt-get -q -y --no-install-recommends --no-remove --mark-auto -o Dpkg::Use-Pty=0 \\
                -o APT::Keep-Downloaded-Packages=false -o DPkg::Options::=--log=/dev/null -o Dir::Log::Terminal= \\
                -o Dir::Log::History= -o Dir::Log::Planner= install $wanted </dev/null
        }}
        if grep -q '^lists' "$record"; then update && install; else install || {{ update && install; }}; fi
    fi
    dpkg-query -W -f '${{db:Status-Abbrev}} ${{binary:Package}}\\n' | sed -n 's/^ii  */package /p' >> "$record"
    usable /usr/bin/python3 || {{ echo "/usr/bin/python3 is older than Ansible can use (3.8)"; exit 1; }}
    finish /usr/bin/python3
fi

python=$(command -v python3 || true)
if [ -n "$python" ]; then
    usable "$python" || {{ echo "$python is older than Ansible can use (3.8)"; exit 1; }}
    note_absent /root/.ansible /root/.cache
    finish "$python"
fi
if have apk; then
    note manager apk
    note_absent /root/.ansible /root/.cache
    apk add --no-cache --virtual .goldsmith-bootstrap python3 </dev/null
    note package python3
elif have dnf5 || have dnf || have microdnf || have yum; then
    note manager rpm
    note_absent /root/.ansible /root/.cache
    rpm -qa --qf 'base %{{NAME}}\\n' >> "$record"
    if have dnf5; then manager=dnf5 wanted='python3 python3-libdnf5'
    elif have dnf; then manager=dnf wanted='python3 python3-dnf'
    elif have microdnf; then manager=microdnf wanted='python3 python3-dnf'
    else manager=yum wanted=python3; fi
    $manager -y --setopt=install_weak_deps=0 --setopt=tsflags=nodocs install $wanted </dev/null
    rpm -qa --qf 'package %{{NAME}}\\n' >> "$record"
else
    rm -f "$record"
    echo 'it has no python3, and no package manager that could bring it (apt-get, apk, dnf, microdnf, yum).'
    echo 'Use a base that has one, or `bootstrap: false` with layers that need no Python (raw, script).'
    exit 1
fi
finish "$(command -v python3)"
"""

STATE = f"""
set -eu
dpkg-query -W -f '{FIELDS}\\n'
echo auto
cat /var/lib/apt/extended_states 2>/dev/null || true
"""

# dpkg keeps what held before its last change beside what holds now; that copy would still list Python. Where a layer
# removed the copies, none is to come back.
ABSENT_APT = f"""
set -eu
rm -f {PROTECTION}
[ -z "$policy" ] || rm -f /usr/sbin/policy-rc.d
if [ -n "$packages" ]; then
    olds=" $(echo /var/lib/dpkg/*-old) "
    dpkg --log=/dev/null --purge $packages </dev/null >&2
    for tree in /usr/lib/python3 /usr/lib/python3.* /usr/local/lib/python3.*; do
        [ -d "$tree" ] && [ ! -L "$tree" ] || continue
        dpkg-query -S "$tree" >/dev/null 2>&1 && continue
        find "$tree" -type d -name __pycache__ -prune -exec rm -rf {{}} +
        find "$tree" -depth -type d -empty -delete
    done
    plain=
    for name in $packages; do plain="$plain ${{name%:*}}"; done
    if [ -e /var/lib/apt/extended_states ]; then
        awk -v gone="$plain " 'BEGIN {{ RS = ""; ORS = "\\n\\n" }} !index(gone, " " $2 " ")' \\
            /var/lib/apt/extended_states > /var/lib/apt/extended_states.goldsmith
        cat /var/lib/apt/extended_states.goldsmith > /var/lib/apt/extended_states
        rm -f /var/lib/apt/extended_states.goldsmith
    fi
    for file in /var/lib/dpkg/status /var/lib/dpkg/diversions; do
        case $olds in
            *" $file-old "*) cat "$file" > "$file-old" ;;
            *) rm -f "$file-old" ;;
        esac
    done
fi
set -- $owners
while [ $# -gt 1 ]; do
    [ ! -d "$2" ] || chown "$1" "$2"
    shift 2
done
if [ -n "$lists" ]; then
    find /var/lib/apt/lists -mindepth 1 ! -name lock ! -name partial -delete
    rm -f /var/cache/apt/pkgcache.bin /var/cache/apt/srcpkgcache.bin
fi
"""

ABSENT_APK = """
set -eu
apk del --no-cache .goldsmith-bootstrap </dev/null >&2
! command -v python3 >/dev/null 2>&1 || echo 'kept python3'
"""

# rpm refuses what something else needs; one by one, until nothing more goes.
ABSENT_RPM = """
set -eu
if [ -n "$packages" ] && ! rpm -e $packages 2>/dev/null; then
    before=
    while [ "$packages" != "$before" ]; do
        before=$packages
        packages=
        for name in $before; do rpm -e "$name" 2>/dev/null || packages="$packages $name"; done
        packages=${packages# }
    done
    for name in $packages; do echo "kept $name"; done
fi
"""

ABSENT_FILES = f"""
rm -rf /tmp/.goldsmith* {RECORD}
for path in $absent; do
    case $path in
        /var/lib/apt/extended_states) [ -s "$path" ] || rm -f "$path" ;;
        */.cache) rmdir "$path" 2>/dev/null || true ;;
        *) rm -rf "$path" ;;
    esac
done
"""
