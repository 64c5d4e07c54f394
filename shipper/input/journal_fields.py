"""What Filebeat's journald input calls the fields of the journal (systemd.journal-fields(7), and Docker's)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from sawlog.event import Event, put

_TEXTS: Final = {
    "COREDUMP_UNIT": "journald.coredump.unit",
    "COREDUMP_USER_UNIT": "journald.coredump.user_unit",
    "OBJECT_CMDLINE": "journald.object.process.command_line",
    "OBJECT_COMM": "journald.object.process.name",
    "OBJECT_EXE": "journald.object.process.executable",
    "OBJECT_SYSTEMD_SESSION": "journald.object.systemd.session",
    "OBJECT_SYSTEMD_UNIT": "journald.object.systemd.unit",
    "OBJECT_SYSTEMD_USER_UNIT": "journald.object.systemd.user_unit",
    "_KERNEL_DEVICE": "journald.kernel.device",
    "_KERNEL_SUBSYSTEM": "journald.kernel.subsystem",
    "_SYSTEMD_INVOCATION_ID": "systemd.invocation_id",
    "_SYSTEMD_USER_SLICE": "systemd.user_slice",
    "_UDEV_DEVLINK": "journald.kernel.device_symlinks",
    "_UDEV_DEVNODE": "journald.kernel.device_node_path",
    "_UDEV_SYSNAME": "journald.kernel.device_name",
    "UNIT": "journald.unit",
    "_AUDIT_SESSION": "journald.audit.session",
    "_BOOT_ID": "journald.host.boot_id",
    "_CAP_EFFECTIVE": "journald.process.capabilities",
    "_CMDLINE": "journald.process.command_line",
    "CODE_FILE": "journald.code.file",
    "CODE_FUNC": "journald.code.func",
    "_COMM": "journald.process.name",
    "_EXE": "journald.process.executable",
    "_HOSTNAME": "host.hostname",
    "_MACHINE_ID": "host.id",
    "MESSAGE": "message",
    "MESSAGE_ID": "message_id",
    "SYSLOG_IDENTIFIER": "syslog.identifier",
    "_SYSTEMD_CGROUP": "systemd.cgroup",
    "_SYSTEMD_SESSION": "systemd.session",
    "_SYSTEMD_SLICE": "systemd.slice",
    "_SYSTEMD_UNIT": "systemd.unit",
    "_SYSTEMD_USER_UNIT": "systemd.user_unit",
    "_TRANSPORT": "systemd.transport",
    "CONTAINER_ID": "container.id_truncated",
    "CONTAINER_ID_FULL": "container.id",
    "CONTAINER_NAME": "container.name",
    "CONTAINER_TAG": "container.log.tag",
    "CONTAINER_PARTIAL_MESSAGE": "container.partial",
    "IMAGE_NAME": "container.image.name",
}
_NUMBERS: Final = {
    "OBJECT_AUDIT_LOGINUID": "journald.object.audit.login_uid",
    "OBJECT_AUDIT_SESSION": "journald.object.audit.session",
    "OBJECT_GID": "journald.object.gid",
    "OBJECT_PID": "journald.object.pid",
    "OBJECT_SYSTEMD_OWNER_UID": "journald.object.systemd.owner_uid",
    "OBJECT_UID": "journald.object.uid",
    "_AUDIT_LOGINUID": "journald.audit.login_uid",
    "CODE_LINE": "journald.code.line",
    "_GID": "journald.gid",
    "_PID": "journald.pid",
    "PRIORITY": "syslog.priority",
    "SYSLOG_FACILITY": "syslog.facility",
    "SYSLOG_PID": "syslog.pid",
    "_SYSTEMD_OWNER_UID": "systemd.owner_uid",
    "_UID": "journald.uid",
}
_ALSO: Final = {"PRIORITY": "log.syslog.priority", "SYSLOG_FACILITY": "log.syslog.facility.code"}
NAMES: Final = {ours: theirs for theirs, ours in (*_TEXTS.items(), *_NUMBERS.items())}
"""The journal's names by Filebeat's."""
_DROPPED: Final = ("_SOURCE_REALTIME_TIMESTAMP", "_SOURCE_MONOTONIC_TIMESTAMP")
_WORD: Final = re.compile(r'"(?:\\"|[^"])*?"|\S+')
_NAMES_OF_BITS: Final = (
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE"
    " NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT"
    " SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP"
    " MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
"""capabilities(7), from the lowest bit on."""
_CAPABILITIES: Final = tuple(_NAMES_OF_BITS.split())


def event_of(entry: Mapping[str, Any]) -> Event:
    """Make an event of an entry of ``journalctl -o json``, but for what its times and its cursor say."""
    event: Event = {}
    custom: dict[str, Any] = {}
    for name, raw in entry.items():
        if name.startswith("__") or name in _DROPPED:
            continue
        value = _text(raw)
        if name in _TEXTS:
            put(event, _path(_TEXTS[name]), value)
        elif name in _NUMBERS:
            number = _number(value)
            put(event, _path(_NUMBERS[name]), number)
            if name in _ALSO:
                put(event, _path(_ALSO[name]), number)
        else:
            custom[name.lstrip("_").lower()] = value
    if custom:
        put(event, ("journald", "custom"), custom)
    for prefix in ("_", "OBJECT_"):
        # What a program says on behalf of another one is about that.
        _say_who(event, entry, prefix)
        _say_what_runs(event, entry, prefix)
    if capabilities := _capabilities(entry.get("_CAP_EFFECTIVE")):
        put(event, ("process", "thread", "capabilities", "effective"), capabilities)
    return event


def _say_who(event: Event, entry: Mapping[str, Any], prefix: str) -> None:
    """Write who ran a program, and for whom."""
    login, user, group = (entry.get(f"{prefix}{name}") for name in ("AUDIT_LOGINUID", "UID", "GID"))
    if isinstance(login, str):
        put(event, ("user", "id"), login)
    if not isinstance(user, str):
        return
    under = ("user", "effective") if isinstance(login, str) and login != user else ("user",)
    put(event, (*under, "id"), user)
    if isinstance(group, str):
        put(event, (*under, "group", "id"), group)


def _say_what_runs(event: Event, entry: Mapping[str, Any], prefix: str) -> None:
    for name, field in (("COMM", "name"), ("EXE", "executable"), ("CMDLINE", "command_line")):
        if isinstance(value := _text(entry.get(f"{prefix}{name}")), str) and value:
            put(event, ("process", field), value)
            if name == "CMDLINE":
                words = _WORD.findall(value)
                put(event, ("process", "args"), words)
                put(event, ("process", "args_count"), len(words))
    if isinstance(number := _number(entry.get(f"{prefix}PID")), int):
        put(event, ("process", "pid"), number)


def _capabilities(text: Any) -> list[str]:
    try:
        bits = int(text, 16) if isinstance(text, str) else 0
    except ValueError:
        return []
    return [
        f"CAP_{_CAPABILITIES[bit]}" if bit < len(_CAPABILITIES) else str(bit)
        for bit in range(min(bits.bit_length(), 64))
        if bits >> bit & 1
    ]


def _text(value: Any) -> Any:
    """Make text of bytes, which journalctl writes as a list of numbers; several values of a field stay a list."""
    if isinstance(value, list):
        if value and all(isinstance(one, int) and 0 <= one < 256 for one in value):
            return bytes(value).decode(errors="backslashreplace")
        return [_text(one) for one in value]
    return value


def _number(value: Any) -> Any:
    """Make a number of digits; what is none stays. Some write ``123,root`` for a process."""
    digits = value.partition(",")[0] if isinstance(value, str) else ""
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 19 else value


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))
