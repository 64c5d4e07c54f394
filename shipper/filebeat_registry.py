"""Filebeat's registry, as Filebeat 6 to 9 keep it on disk: which files were read, and how far.

Since 7.9 it is a folder: ``meta.json`` says the version, ``<number>.json`` (a checkpoint) holds every state there was
at that operation, ``log.json`` the operations since. A crash may tear the last of them, which was then not done; what
is damaged elsewhere would have lines sent again, and is told. Filebeat 7.0 to 7.8 had one file ``data.json`` in that
folder, Filebeat 6 the same without the folder. The formats are those of ``libbeat/statestore/backend/memlog`` and
``filebeat/registrar`` in Filebeat's sources.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sawlog.errors import InputError

LOG: Final = "log.json"
META: Final = "meta.json"
OLDER_DATA: Final = "data.json"

_PREFIX_LOG: Final = "filebeat::logs::"
_PREFIX_FILESTREAM: Final = "filestream::"
_IDENTITIES: Final = ("native", "inode_marker", "growing_fingerprint", "fingerprint", "path")
_SPACE: Final = re.compile(r"[\s\0]*")
_OPERATION: Final = re.compile(r'^\{"op":', re.MULTILINE)
_INODE: Final = re.compile(r"(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class FilebeatState:
    """How far Filebeat has read one file.

    `identity` says by what it knew the file: by `inode` and `device` (native), by `inode` alone (inode_marker), by
    `fingerprint` (a SHA-256 of some of its first bytes, or, growing, those bytes themselves, both as hexadecimal
    digits), or by its path.
    """

    key: str
    source: str
    """The path under which Filebeat has last seen it."""
    offset: int
    identity: str
    inode: int | None = None
    device: int | None = None
    fingerprint: str = ""
    ended: bool = False
    """Whether a compressed file was read to its end (Filebeat 9)."""


@dataclass(slots=True)
class FilebeatRegistry:
    """What a registry holds; `others` are the keys of states that are not of files (journald, httpjson, …)."""

    path: Path
    states: list[FilebeatState] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    torn: str | None = None
    """What a crash has torn, in words."""

    @property
    def running(self) -> str | None:
        """Why Filebeat seems to run with this registry just now; None when it does not."""
        for lock in sorted(self._data.glob("*.lock")) if self.path.is_dir() else ():
            if _is_locked(lock):
                return f"it holds {lock}"
        held = self.path / LOG if self.path.is_dir() else self.path
        pid = _who_has_open(held)
        return f"process {pid} has {held} open" if pid is not None else None

    @property
    def _data(self) -> Path:
        """Filebeat's ``path.data``, where the registry is where it usually is."""
        return self.path.parent.parent


def read_registry(named: Path, *, until_damage: bool = False) -> FilebeatRegistry:
    """Read the registry at `named`: its folder, one above it (``registry``, or ``path.data``), or Filebeat 6's file.

    `until_damage`: of a damaged log, take what stands before the damage.

    Raises:
        InputError: there is none, or it is damaged or of an unknown version.
    """
    if named.is_file():
        return _older(named, named)
    # path.data has a file meta.json, too, which is another.
    tried = (named / "registry" / "filebeat", named / "filebeat", named)
    home = next((one for one in tried if (one / META).is_file()), None)
    if home is None:
        if not named.is_dir():
            raise InputError(f"there is no folder {named}")
        if (named / "registry").is_file():
            return _older(named / "registry", named / "registry")
        raise InputError(
            f"{named} is no registry of Filebeat's: there is no {META} in it, nor in 'filebeat' or 'registry/filebeat'"
            " below it; it is usually /var/lib/filebeat/registry"
        )
    version = _version(home / META)
    if version == "0":
        return _older(home, home / OLDER_DATA)
    if version != "1":
        raise InputError(
            f"{home / META}: version {version} of Filebeat's registry is not known here; known are 0 and 1"
        )
    return _folder(home, until_damage)


def _version(path: Path) -> str:
    document = _json(path)
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, str):
        raise InputError(f"{path} is damaged: it does not say the registry's version")
    return version


def _folder(home: Path, until_damage: bool) -> FilebeatRegistry:
    """Read a registry of version 1: the newest checkpoint, and what the log says was done since."""
    checkpoints = {int(path.stem): path for path in home.glob("*.json") if path.stem.isascii() and path.stem.isdigit()}
    number = max(checkpoints, default=0)
    table: dict[str, Any] = {}
    if checkpoints:
        table = _checkpoint(checkpoints[number])
    registry = FilebeatRegistry(home)
    damage = _replay(home / LOG, number, table)
    if damage is not None:
        if not damage.last and not until_damage:
            raise InputError(f"{damage}; with --until-damage, what stands before it is taken over, as Filebeat would")
        registry.torn = str(damage)
    for key, value in table.items():
        state = _state(key, value) if isinstance(value, dict) else None
        if state is not None:
            registry.states.append(state)
        elif not key.startswith((_PREFIX_LOG, _PREFIX_FILESTREAM)):
            registry.others.append(key)
    return registry


def _checkpoint(path: Path) -> dict[str, Any]:
    entries = _json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path} is damaged: it is no list of states")
    return {entry["_key"]: entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("_key"), str)}


@dataclass(frozen=True, slots=True)
class _Damage:
    """Where a log cannot be read any further; `last`: nothing stands behind it."""

    path: Path
    line: int
    why: str
    last: bool = False

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}: {self.why}"


def _replay(path: Path, number: int, table: dict[str, Any]) -> _Damage | None:
    """Do to the table what the log says was done after the operation `number`; return what stopped it."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    start = at = _behind_space(text, 0)
    decoder = json.JSONDecoder()
    first = True
    while at < len(text):
        start = at
        try:
            action, at = decoder.raw_decode(text, at)
            change, at = decoder.raw_decode(text, _behind_space(text, at))
            operation, identifier = action["op"], _integer(action["id"])
            key, value = _either(change, "k"), _either(change, "v")
            if identifier is None or not isinstance(key, str) or operation not in ("set", "remove"):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            last = _OPERATION.search(text, start + 1) is None
            why = "the last operation is torn, and was not done" if last else "this is no operation of Filebeat's"
            return _Damage(path, text.count("\n", 0, start) + 1, why, last)
        at = _behind_space(text, at)
        if identifier <= number:
            # Older than the checkpoint: Filebeat was ended before it could empty the log.
            continue
        if identifier != number + 1:
            missing = f"operation {number + 1} should be here, and {identifier} is"
            if first and not table:
                missing = f"it begins with operation {identifier}, and there is no checkpoint of those before it"
            return _Damage(path, text.count("\n", 0, start) + 1, missing)
        number, first = identifier, False
        if operation == "set":
            table[key] = value
        else:
            table.pop(key, None)
    return None


def _behind_space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _either(change: Any, name: str) -> Any:
    """Return a member under its name in small letters, as Filebeat writes it, or in capitals, as its sources say."""
    return change.get(name, change.get(name.upper())) if isinstance(change, dict) else None


def _state(key: str, value: dict[str, Any]) -> FilebeatState | None:
    """Return the state of a file; None when it is not one, or Filebeat has given it up."""
    if value.get("ttl") == 0:
        return None
    if key.startswith(_PREFIX_LOG):
        return _state_of_log(key, value)
    if key.startswith(_PREFIX_FILESTREAM):
        return _state_of_filestream(key, value)
    return None


def _state_of_log(key: str, value: dict[str, Any]) -> FilebeatState | None:
    source, offset = value.get("source"), _integer(value.get("offset"))
    if not isinstance(source, str) or offset is None:
        return None
    identity = value.get("identifier_name") or "native"
    place = value.get("FileStateOS")
    place = place if isinstance(place, dict) else {}
    inode, device = _integer(place.get("inode")), _integer(place.get("device"))
    if inode is None or identity == "path":
        return FilebeatState(key, source, offset, "path")
    named = _INODE.match(key.rpartition("native::")[2])
    if named is not None and identity == "native":
        inode, device = int(named[1]), int(named[2])
    return FilebeatState(key, source, offset, str(identity), inode, device if identity == "native" else None)


def _state_of_filestream(key: str, value: dict[str, Any]) -> FilebeatState | None:
    cursor, meta = value.get("cursor"), value.get("meta")
    if not isinstance(meta, dict) or not isinstance(source := meta.get("source"), str):
        return None
    offset = _integer(cursor.get("offset", 0)) if isinstance(cursor, dict) else 0
    ended = isinstance(cursor, dict) and cursor.get("eof") is True
    identity = meta.get("identifier_name")
    # The id of an input may have colons in it, too.
    name = key.rpartition(f"::{identity}::")[2]
    if identity not in _IDENTITIES or name == key or offset is None:
        return None
    if identity == "native":
        found = _INODE.match(name)
        return found and FilebeatState(key, source, offset, identity, int(found[1]), int(found[2]), ended=ended)
    if identity == "inode_marker":
        inode = name.partition("-")[0]
        return FilebeatState(key, source, offset, identity, int(inode), ended=ended) if inode.isdecimal() else None
    fingerprint = name.partition("-")[0] if identity != "path" else ""
    return FilebeatState(key, source, offset, identity, fingerprint=fingerprint, ended=ended)


def _integer(value: Any) -> int | None:
    """Return a number that is whole; in checkpoints, large ones may stand as ``1.0078629e+07``."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _older(home: Path, path: Path) -> FilebeatRegistry:
    """Read the one file of Filebeat 6 to 7.8."""
    entries = _json(path)
    if not isinstance(entries, list):
        raise InputError(f"{path} is no registry of Filebeat's: it is no list of states")
    found = (_state_of_log(f"{_PREFIX_LOG}{at}", one) for at, one in enumerate(entries) if isinstance(one, dict))
    return FilebeatRegistry(home, [state for state in found if state is not None])


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode(errors="replace"))
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}:{error.colno}: this is damaged: {error.msg}") from None
    except RecursionError:
        raise InputError(f"{path} is damaged: it is nested too deep") from None


def _is_locked(path: Path) -> bool:
    """Whether a process holds the lock that Filebeat takes on its data."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _who_has_open(path: Path) -> int | None:
    """Return a process that has the file open, as far as this one may see it."""
    wanted = os.path.realpath(path)
    for process in _numbered(Path("/proc")):
        try:
            for link in os.scandir(f"/proc/{process}/fd"):
                if os.readlink(link.path) == wanted:  # noqa: PTH115 - one of very many
                    return process
        except OSError:
            continue
    return None


def _numbered(folder: Path) -> Iterator[int]:
    try:
        yield from (int(entry.name) for entry in os.scandir(folder) if entry.name.isdigit())
    except OSError:
        return
