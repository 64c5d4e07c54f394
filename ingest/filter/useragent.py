"""useragent: browser, operating system and device out of a user agent's text."""

from __future__ import annotations

from pathlib import Path as File
from typing import Any, ClassVar, Final

from ingest import settings, timeout
from ingest.failure import fail, place
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event, Path

_LATE: Final = f"useragent: its expressions took longer than {timeout.SECONDS:.0f} s"
_VERSION: Final = ("@metadata", "filter", "user_agent")


class Useragent(Filter):
    """Each text is worked out once and remembered; the expressions are those of uap-core, as in Logstash."""

    name = "useragent"
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the user agent; of a list, the first.", required=True),
        "target": Option(Kind.FIELD, "The field for what is found: user_agent, or the event itself without ECS."),
        "prefix": Option(Kind.STRING, "What goes before every name, without ECS.", ""),
        "regexes": Option(Kind.PATH, "A regexes.yaml to use instead of the one that comes along."),
        "lru_cache_size": Option(Kind.NUMBER, "How many user agents are remembered.", 100_000),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._read = settings.reader(settings.field(options, "source"))
        self._ecs = settings.is_ecs(options)
        target = options["target"] or ("user_agent" if self._ecs else "")
        self._target: Path = settings.field(options, "target", target) if target else ()
        self._prefix: str = options["prefix"]
        self._size = int(options["lru_cache_size"])
        if self._size < 1:
            raise options.error("useragent: lru_cache_size is greater than 0", "lru_cache_size")
        self._parse = _parser(options)
        self._known: dict[str, list[tuple[Path, Any]]] = {}

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        timeout.each(events, self._one, lambda event: fail(event, ["_useragent_timeout"], _LATE))
        return events

    def _one(self, event: Event) -> None:
        text = self._read(event)
        if isinstance(text, list):
            text = text[0] if text else None
        if text is MISSING or not isinstance(text, str) or not text:
            return
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= self._size:
                self._known.clear()
            found = self._known[text] = self._look_up(text)
        for path, value in found:
            place(event, path, value)
        if self.succeeded:
            self.succeeded(event)

    def _look_up(self, text: str) -> list[tuple[Path, Any]]:
        """Return what is to be written, and where."""
        result = self._parse(text)
        agent, system, device = result.user_agent, result.os, result.device
        os_name = system.family if system else "Other"
        os_version = _joined(system.major, system.minor, system.patch, system.patch_minor) if system else None
        values: dict[str, Any] = {
            "name": agent.family if agent else "Other",
            "version": _joined(agent.major, agent.minor, agent.patch, agent.patch_minor) if agent else None,
            "os": os_name,
            "os_name": os_name,
            "os_version": os_version,
            "os_full": f"{os_name} {os_version}" if os_version else os_name,
            "device": device.family if device else "Other",
        }
        for prefix, version in (("", agent), ("os_", system)):
            for part in ("major", "minor", "patch"):
                values[prefix + part] = getattr(version, part) if version else None
        if agent and agent.patch_minor:
            values["build"] = agent.patch_minor
        paths = _ECS if self._ecs else _LEGACY
        return [
            (self._place(paths[name]), value) for name, value in values.items() if name in paths and value is not None
        ]

    def _place(self, path: Path) -> Path:
        if path[0] == "@metadata":
            return path
        return self._target + (path if self._ecs else (self._prefix + path[0],))


_ECS: Final[dict[str, Path]] = {
    "name": ("name",),
    "version": ("version",),
    "os_name": ("os", "name"),
    "os_version": ("os", "version"),
    "os_full": ("os", "full"),
    "device": ("device", "name"),
    **{part: (*_VERSION, "version", part) for part in ("major", "minor", "patch")},
    **{f"os_{part}": (*_VERSION, "os", "version", part) for part in ("major", "minor", "patch")},
}
_LEGACY: Final[dict[str, Path]] = {
    "name": ("name",),
    "version": ("version",),
    "os": ("os",),
    "os_full": ("os_full",),
    "device": ("device",),
    "build": ("build",),
    **{name: (name,) for name in ("major", "minor", "patch", "os_name", "os_version")},
    **{name: (name,) for name in ("os_major", "os_minor", "os_patch")},
}


def _joined(*parts: str | None) -> str | None:
    """Join a version's parts up to the first that is missing."""
    present: list[str] = []
    for part in parts:
        if part is None:
            break
        present.append(part)
    return ".".join(present) or None


def _parser(options: Options) -> Any:
    # Heavy: only who uses it loads it.
    import ua_parser  # noqa: PLC0415

    if not options["regexes"]:
        return ua_parser.parse
    from ua_parser.loaders import load_yaml  # noqa: PLC0415

    path = File(options["regexes"])
    if not path.is_file():
        raise options.error(f"useragent: there is no file '{path}'", "regexes")
    try:
        assert load_yaml is not None
        # By `re`: RE2, by which the expressions that come along are matched, knows no look-around.
        return ua_parser.Parser(ua_parser.BasicResolver(load_yaml(path))).parse
    except Exception as error:
        raise options.error(f"useragent: '{path}' is no regexes.yaml: {error}", "regexes") from None
