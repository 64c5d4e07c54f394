"""Take out of the root that it runs in what an image of sawlog does not run; the argument is where sawlog is installed.

For a stage of deploy/Dockerfile, as root. Programs go unless a list has them, system libraries unless something that
stays is linked with them, and manuals, translations, the package manager and pip. The list of Debian's packages stays:
scanners of images read there what is inside. Python is asked where it is, so that any image of one on Debian will do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PROGRAMS = (
    # What runs, what deploy/certificates calls, and what one types who looks into a container.
    r"(ba|da|rba)?sh|python|python3(\.\d+)?|openssl|\[|awk|mawk|cat|chmod|chown|cp|cut|date|dd|df|dirname|du|echo|env|"
    r"expr|false|[ef]?grep|find|getent|head|id|install|kill|ldconfig|ln|ls|mkdir|mktemp|more|mv|nproc|printf|ps|pwd|"
    r"readlink|realpath|rm|rmdir|sed|seq|sha256sum|sleep|sort|stat|tail|tar|tee|test|timeout|touch|tr|true|uname|uniq|"
    r"update-ca-certificates|wc|which(\.debianutils)?|whoami|xargs"
)
"""A pattern of the names of programs that stay."""
LOADED = ("libnss_", "libgcc_s", "ld-linux", "ld-musl", "libresolv")
"""How the names of libraries begin that are loaded without being linked with."""
BINARIES = ("usr/local/bin", "usr/local/sbin", "usr/bin", "usr/sbin")
FOLDERS = (
    *("usr/include", "usr/local/include", "usr/libexec", "usr/lib/apt", "usr/lib/dpkg", "usr/lib/init", "usr/lib/udev"),
    *("usr/lib/systemd", "usr/lib/*/gconv", "usr/lib/*/perl*", "usr/lib/*/security", "usr/lib/*/e2fsprogs"),
    *("usr/lib/python3", "usr/local/lib/*.a", "usr/local/share/man", "usr/share/perl*", "usr/share/python*"),
    *("usr/share/bash-completion", "usr/share/common-licenses", "usr/share/debconf", "usr/share/doc", "usr/share/gcc"),
    *("usr/share/gdb", "usr/share/i18n", "usr/share/info", "usr/share/keyrings", "usr/share/lintian", "usr/share/zsh"),
    *("usr/share/locale", "usr/share/man", "usr/share/dict", "usr/share/bug", "usr/share/menu"),
    *("etc/apt", "etc/pam.d", "etc/security", "etc/perl", "etc/cron*", "etc/init.d", "etc/rc*.d", "etc/systemd"),
    *(
        "var/lib/apt",
        "var/lib/dpkg/info",
        "var/lib/dpkg/triggers",
        "var/lib/pam",
        "var/cache/*",
        "var/log/apt",
        "var/log/*.log",
        "tmp/*",
    ),
)
STANDARD = ("config-*", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo", "turtle.py")
"""What goes of the standard library."""


def main(sawlog: Path) -> None:
    """Remove all that. What stays is asked what it needs before anything goes, as ldd goes, too."""
    standard, packages = (Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "purelib"))
    doomed = [path for folder in BINARIES for path in Path("/", folder).iterdir() if not _is_kept(path)]
    doomed += [path for pattern in FOLDERS for path in Path("/").glob(pattern)]
    doomed += [path for pattern in STANDARD for path in standard.glob(pattern)]
    doomed += packages.iterdir() if packages.is_dir() else ()
    needed = _needed([*(Path("/", folder) for folder in BINARIES), standard, sawlog], set(doomed))
    doomed += [
        library for library in _libraries() if library.resolve() not in needed and not library.name.startswith(LOADED)
    ]
    for path in doomed:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for path in Path("/usr").rglob("*"):
        if path.is_symlink() and not path.exists():
            path.unlink()


def _is_kept(program: Path) -> bool:
    return re.fullmatch(PROGRAMS, program.name) is not None


def _libraries() -> Iterator[Path]:
    """Return the system's libraries, and the links to them."""
    for pattern in ("usr/lib/*.so*", "usr/lib/*-linux-*/*.so*", "usr/local/lib/*.so*"):
        yield from (path for path in Path("/").glob(pattern) if not path.is_dir())


def _needed(folders: list[Path], doomed: set[Path]) -> set[Path]:
    """Return the libraries that what stays in some folders is linked with, and all that those are."""
    found: set[Path] = set()
    for folder in folders:
        for path in _staying(folder, doomed):
            if _is_elf(path):
                told = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=False).stdout
                found.update(Path(name).resolve() for name in re.findall(r"(?m)(/\S+) \(0x", told))
    return found


def _staying(folder: Path, doomed: set[Path]) -> Iterator[Path]:
    """Return the files below a folder that are not doomed, nor in a folder that is."""
    for path in folder.iterdir():
        if path in doomed:
            continue
        if path.is_file() and not path.is_symlink():
            yield path
        elif path.is_dir() and not path.is_symlink():
            yield from _staying(path, doomed)


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
