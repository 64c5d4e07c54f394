"""syslog_pri: facility and severity out of a syslog message's priority (RFC 3164, 4.1.1)."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail
from ingest.filter.base import Filter
from ingest.lang import ruby
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event

_DEFAULT: Final = 13  # user-level, notice: RFC 3164, 4.3.3
_FACILITIES: Final = [
    "kernel",
    "user-level",
    "mail",
    "daemon",
    "security/authorization",
    "syslogd",
    "line printer",
    "network news",
    "uucp",
    "clock",
    "security/authorization",
    "ftp",
    "ntp",
    "log audit",
    "log alert",
    "clock",
    "local0",
    "local1",
    "local2",
    "local3",
    "local4",
    "local5",
    "local6",
    "local7",
]
_TAGS: Final = ["_syslogpriparsefailure"]
_SEVERITIES: Final = ["emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"]


class SyslogPri(Filter):
    """An event without a priority has 13, as the RFC says."""

    name = "syslog_pri"
    options: ClassVar[dict[str, Option]] = {
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
        "facility_labels": Option(Kind.ARRAY, "The names of the facilities, from 0.", _FACILITIES),
        "severity_labels": Option(Kind.ARRAY, "The names of the severities, from 0.", _SEVERITIES),
        "syslog_pri_field_name": Option(
            Kind.FIELD, "The field with the priority: [log][syslog][priority], or syslog_pri without ECS."
        ),
        "use_labels": Option(Kind.BOOLEAN, "Whether the names are written too.", True),
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        names = _ECS if settings.is_ecs(options) else _LEGACY
        source = options["syslog_pri_field_name"] or names[0]
        self._read = settings.reader(settings.field(options, "syslog_pri_field_name", source))
        self._write = [settings.writer(settings.field(options, "", name)) for name in names[1:]]
        self._facilities = options["facility_labels"]
        self._severities = options["severity_labels"]
        self._labels: bool = options["use_labels"]

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        facility_code, severity_code, facility_name, severity_name = self._write
        for event in events:
            priority = _priority(self._read(event))
            facility, severity = priority >> 3, priority & 7
            severity_code(event, severity)
            facility_code(event, facility)
            if self._labels and not 0 <= facility < len(self._facilities):
                fail(event, _TAGS, f"syslog_pri: no facility has the number {facility} (priority {priority})")
            elif self._labels:
                facility_name(event, self._facilities[facility])
                if severity < len(self._severities):
                    severity_name(event, self._severities[severity])
            if self.succeeded:
                self.succeeded(event)
        return events


def _priority(value: Any) -> int:
    if isinstance(value, list):
        value = value[0] if value else None
    if value is MISSING or value is None:
        return _DEFAULT
    return int(value) if isinstance(value, int | float) else ruby.to_i(ruby.to_s(value))


_LEGACY: Final = (
    "syslog_pri",
    "syslog_facility_code",
    "syslog_severity_code",
    "syslog_facility",
    "syslog_severity",
)
_ECS: Final = (
    "[log][syslog][priority]",
    "[log][syslog][facility][code]",
    "[log][syslog][severity][code]",
    "[log][syslog][facility][name]",
    "[log][syslog][severity][name]",
)
