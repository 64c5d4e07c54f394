"""What syslog's numbers are called (RFC 3164, 4.1.1), in the words of Logstash and of Filebeat."""

from __future__ import annotations

from typing import Final

FACILITIES: Final = (
    "kernel", "user-level", "mail", "system", "security/authorization", "syslogd", "line printer", "network news",
    "UUCP", "clock", "security/authorization", "FTP", "NTP", "log audit", "log alert", "clock",
    "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITIES: Final = ("Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug")
