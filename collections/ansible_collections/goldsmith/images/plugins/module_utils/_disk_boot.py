# Copyright (c) 2026 Goldsmith contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot loader, GRUB, for both kinds of firmware, without any device.

Sources: GRUB's manual, "Embedded configuration", "BIOS installation"; its source ``grub-core/boot/i386/pc/boot.S`` and
``diskboot.S`` for the two block numbers, ``include/grub/i386/pc/boot.h`` for where they stand. osbuild's stage
``org.osbuild.grub2.inst`` does it the same way.
"""

from __future__ import annotations

import shlex
import shutil
import struct
from pathlib import Path
from typing import Any, Iterable

from ansible_collections.goldsmith.images.plugins.module_utils._container import execute
from ansible_collections.goldsmith.images.plugins.module_utils._disk_layout import SECTOR, Layout
from ansible_collections.goldsmith.images.plugins.module_utils._disk_tools import call
from ansible_collections.goldsmith.images.plugins.module_utils._fault import Fault

GRUB = {"bios": "i386-pc", "uefi": "x86_64-efi"}
"""GRUB's name of each firmware's platform."""
MENU = "boot/grub/grub.cfg"
"""The boot menu, below the root."""
PACKAGES = {"bios": "grub-pc-bin", "uefi": "grub-efi-amd64-bin"}

# Enough to find the root file system, read its menu and start a kernel; the rest lies beside the menu.
_MODULES = [
    *(
        "part_gpt",
        "part_msdos",
        "fat",
        "ext2",
        "xfs",
        "search",
        "search_fs_uuid",
        "search_label",
        "normal",
        "configfile",
    ),
    *(
        "linux",
        "echo",
        "test",
        "true",
        "sleep",
        "minicmd",
        "loadenv",
        "gzio",
        "zstd",
        "serial",
        "terminal",
        "halt",
        "reboot",
    ),
    *("all_video", "password_pbkdf2", "probe", "regexp"),
]
_ONLY = {"bios": ["biosdisk"], "uefi": ["efi_gop", "efi_uga"]}

# Where boot.img keeps the number of core.img's first block, and core.img's first block that of the second.
_KERNEL_SECTOR = 0x5C
_BLOCK_LIST = SECTOR - 12
_BOOT_CODE = 440

# What grub-probe would tell of the disk, which is not there yet.
_PROBE = """\
#!/bin/sh
while [ $# -gt 0 ]; do
  case $1 in --target=*) t=${1#*=} ;; --target | -t) t=$2; shift ;; -t*) t=${1#-t} ;; esac
  shift
done
case $t in
  device) echo /dev/disk/by-uuid/@UUID@ ;;
  fs_uuid) echo @UUID@ ;;
  fs) echo @FS@ ;;
  partmap) echo @TABLE@ ;;
  drive) echo '(hd0,@TABLE@@NUMBER@)' ;;
esac
"""

_WRITE_MENU = """\
set -e
probe=$(command -v grub-probe)
mkdir -p /boot/grub /dev/disk/by-uuid
: >/dev/disk/by-uuid/@UUID@
mv "$probe" "$probe.kept"
trap 'mv "$probe.kept" "$probe"; rm -f /boot/grub/grub.cfg.new' EXIT
printf %s @PROBE@ >"$probe"
chmod 755 "$probe"
(umask 077; LC_ALL=C grub-mkconfig >/boot/grub/grub.cfg.new)
mv /boot/grub/grub.cfg.new /boot/grub/grub.cfg
"""


def write_menu(client: Any, container: str, layout: Layout) -> None:
    """Have the distribution's own program write the boot menu, so that the machine itself will write the same one.

    Args:
        client: A connected client.
        container: The container, which runs.
        layout: The disk that it becomes.

    Raises:
        Fault: The container has no such program, or the program failed.
    """
    root = layout.root
    fs = {"ext4": "ext2"}.get(root.filesystem, root.filesystem)
    probe = _PROBE.replace("@UUID@", root.filesystem_uuid).replace("@FS@", fs).replace("@NUMBER@", str(root.number))
    probe = probe.replace("@TABLE@", layout.table)
    if execute(client, container, "command -v grub-mkconfig && command -v grub-probe").status:
        raise Fault(
            "the boot loader is missing in the image: there is no grub-mkconfig. Have the packages grub2-common and "
            f"{' and '.join(PACKAGES.values())} installed, by the source or by a layer."
        )
    done = execute(
        client, container, _WRITE_MENU.replace("@UUID@", root.filesystem_uuid).replace("@PROBE@", shlex.quote(probe))
    )
    if done.status:
        raise Fault(f"grub-mkconfig cannot write the boot menu of the image: {done.tail()}")


def check(tree: Path, firmware: Iterable[str]) -> None:
    """See that a root file system has what it needs to start.

    Raises:
        Fault: It has no kernel, no init, or no boot loader for a firmware.
    """
    if not list((tree / "boot").glob("vmlinuz-*")):
        raise Fault(
            "there is no kernel in the image (/boot/vmlinuz-*). Have the package linux-image-amd64 installed, by the "
            "source or by a layer."
        )
    if not (tree / MENU).is_file():
        raise Fault(f"there is no boot menu in the image (/{MENU})")
    init = tree / "sbin/init"
    if not init.is_symlink() and not init.exists():
        raise Fault("there is no init in the image (/sbin/init). Have the package systemd-sysv installed.")
    for kind in firmware:
        if not (tree / "usr/lib/grub" / GRUB[kind] / "kernel.img").is_file():
            raise Fault(
                f"the boot loader for {kind.upper()} is missing in the image (/usr/lib/grub/{GRUB[kind]}). Have the "
                f"package {PACKAGES[kind]} installed, or leave {kind} out of `firmware`."
            )


def keep_modules(tree: Path, firmware: Iterable[str]) -> None:
    """Put GRUB's modules where its menu looks for those that its core does not hold, as grub-install does."""
    for kind in firmware:
        there = tree / "boot/grub" / GRUB[kind]
        shutil.rmtree(there, ignore_errors=True)
        there.mkdir(parents=True)
        for path in sorted((tree / "usr/lib/grub" / GRUB[kind]).iterdir()):
            if path.suffix in (".mod", ".lst"):
                shutil.copy2(path, there)


def core(tree: Path, kind: str, layout: Layout, work: Path) -> Path:
    """Make the program that a firmware starts, of the image's own modules.

    Args:
        tree: The root file system.
        kind: ``bios`` or ``uefi``.
        layout: The disk.
        work: Directory for files.
    """
    modules = tree / "usr/lib/grub" / GRUB[kind]
    here = {path.stem for path in modules.glob("*.mod")}
    early = work / f"{kind}.cfg"
    early.write_text(
        f"search --no-floppy --fs-uuid --set=root {layout.root.filesystem_uuid}\nset prefix=($root)/boot/grub\n",
        encoding="ascii",
    )
    image = work / f"core-{kind}.img"
    wanted = [name for name in [*_MODULES, *_ONLY[kind]] if name in here]
    command = ["grub-mkimage", "-d", modules, "-O", GRUB[kind], "-o", image, "-c", early, "-p", "/boot/grub", *wanted]
    call(command)
    return image


def embed(disk: Path, core_image: Path, boot_image: Path, layout: Layout) -> None:
    """Write GRUB for the BIOS: its first 440 bytes, and the rest into the partition that is for it.

    Raises:
        Fault: It is too large for that.
    """
    place = layout.named("bios")
    if place is None:
        raise ValueError("the disk has no partition for it")
    first = place.start // SECTOR
    rest = bytearray(core_image.read_bytes())
    if len(rest) > place.size:
        raise Fault(f"GRUB takes {len(rest)} bytes, and its partition has {place.size}")
    struct.pack_into("<Q", rest, _BLOCK_LIST, first + 1)
    code = bytearray(boot_image.read_bytes()[:_BOOT_CODE])
    struct.pack_into("<Q", code, _KERNEL_SECTOR, first)
    with disk.open("r+b") as file:
        file.write(code)
        file.seek(place.start)
        file.write(rest)
