"""Log records of OpenTelemetry as events with the names of ECS.

Sources: OpenTelemetry's data model of logs and its semantic conventions; the ECS reference, which says of its fields
what they are in OpenTelemetry. What has no field of its own becomes a label.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

import msgspec

from sawlog.event import METADATA, TIMESTAMP, Event, Path, get, put
from sawlog.times.instant import EPOCH, with_digits

_encode: Final = msgspec.json.Encoder().encode
_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
"""Four numbers each."""
_SAME: Final = (
    *("service.name", "service.version", "host.id", "host.ip", "host.mac", "host.name", "host.type"),
    *("container.id", "container.name", "container.runtime", "container.image.name"),
    *("cloud.account.id", "cloud.availability_zone", "cloud.provider", "cloud.region"),
    *("process.pid", "process.executable", "process.command_line", "process.title", "process.working_directory"),
    *("http.request.method", "http.response.status_code", "url.domain", "url.fragment", "url.full", "url.original"),
    *("url.path", "url.port", "url.query", "url.scheme", "user_agent.name", "user_agent.original"),
    *("user_agent.version", "client.address", "client.port", "server.address", "server.port", "source.address"),
    *("source.port", "destination.address", "destination.port", "network.transport", "network.type"),
    *("user.email", "user.full_name", "user.hash", "user.id", "user.name", "user.roles"),
    *("error.type", "error.message", "log.file.path", "file.path", "file.name"),
    *("faas.name", "faas.version", "faas.trigger", "faas.coldstart"),
)
"""Attributes that ECS has under the same names."""
_OTHER: Final = {
    "service.instance.id": "service.node.name",
    "deployment.environment": "service.environment",
    "deployment.environment.name": "service.environment",
    "telemetry.sdk.language": "service.language.name",
    "telemetry.sdk.name": "agent.name",
    "telemetry.sdk.version": "agent.version",
    "host.arch": "host.architecture",
    "os.type": "host.os.platform",
    "os.name": "host.os.name",
    "os.description": "host.os.full",
    "os.version": "host.os.version",
    "container.image.tag": "container.image.tag",
    "container.image.tags": "container.image.tag",
    "cloud.platform": "cloud.service.name",
    "k8s.cluster.name": "orchestrator.cluster.name",
    "k8s.cluster.uid": "orchestrator.cluster.id",
    "k8s.namespace.name": "kubernetes.namespace",
    "k8s.node.name": "kubernetes.node.name",
    "k8s.node.uid": "kubernetes.node.uid",
    "k8s.pod.name": "kubernetes.pod.name",
    "k8s.pod.uid": "kubernetes.pod.uid",
    "k8s.pod.ip": "kubernetes.pod.ip",
    "k8s.container.name": "kubernetes.container.name",
    "k8s.deployment.name": "kubernetes.deployment.name",
    "k8s.replicaset.name": "kubernetes.replicaset.name",
    "k8s.statefulset.name": "kubernetes.statefulset.name",
    "k8s.daemonset.name": "kubernetes.daemonset.name",
    "k8s.job.name": "kubernetes.job.name",
    "k8s.cronjob.name": "kubernetes.cronjob.name",
    "process.executable.path": "process.executable",
    "process.executable.name": "process.name",
    "process.parent_pid": "process.parent.pid",
    "process.command_args": "process.args",
    "process.runtime.name": "service.runtime.name",
    "process.runtime.version": "service.runtime.version",
    "thread.id": "process.thread.id",
    "thread.name": "process.thread.name",
    "exception.type": "error.type",
    "exception.message": "error.message",
    "exception.stacktrace": "error.stack_trace",
    "code.filepath": "log.origin.file.name",
    "code.file.path": "log.origin.file.name",
    "code.lineno": "log.origin.file.line",
    "code.line.number": "log.origin.file.line",
    "code.function.name": "log.origin.function",
    "log.file.name": "log.file.name",
    "log.record.original": "event.original",
    "log.record.uid": "event.id",
    "event.name": "event.action",
    "http.request.body.size": "http.request.body.bytes",
    "http.response.body.size": "http.response.body.bytes",
    "network.protocol.name": "network.protocol",
    "enduser.id": "user.id",
}
PLACES: Final[dict[str, Path]] = {
    name: tuple(place.split(".")) for name, place in ({name: name for name in _SAME} | _OTHER).items()
}
"""Where an attribute goes that ECS knows."""
_FUNCTION: Final[Path] = ("log", "origin", "function")
_LABELS: Final = "labels"
Identify = Callable[[int], str]


def events_of(request: Any, identify: Identify) -> list[Event]:
    """Return the events of a request; `identify` makes the ``_id`` of its nth record, of those that tell a time."""
    made: list[Event] = []
    for resource_logs in request.resource_logs:
        resource: Event = {}
        _set_all(resource, resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            scope = dict(resource)
            if scope_logs.scope.name:
                put(scope, ("log", "logger"), scope_logs.scope.name)
            _set_all(scope, scope_logs.scope.attributes)
            for record in scope_logs.log_records:
                event = _event(record, scope)
                if record.time_unix_nano or record.observed_time_unix_nano:
                    event[METADATA] = {"_id": identify(len(made))}
                made.append(event)
    return made


def _event(record: Any, scope: Event) -> Event:
    event = dict(scope)
    if nanoseconds := record.time_unix_nano or record.observed_time_unix_nano:
        event[TIMESTAMP] = _instant(nanoseconds)
    number = record.severity_number
    if level := record.severity_text or (_LEVELS[(number - 1) // 4] if 0 < number <= 24 else ""):
        put(event, ("log", "level"), level)
    if number:
        put(event, ("event", "severity"), number)
    if record.trace_id.strip(b"\0"):
        put(event, ("trace", "id"), record.trace_id.hex())
    if record.span_id.strip(b"\0"):
        put(event, ("span", "id"), record.span_id.hex())
    if record.event_name:
        put(event, ("event", "action"), record.event_name)
    _set_body(event, record.body)
    _set_all(event, record.attributes)
    return event


def _set_body(event: Event, body: Any) -> None:
    """Make the message; a body that is an object or a list is kept as one, too."""
    kind = body.WhichOneof("value")
    if kind is None:
        return
    value = body.string_value if kind == "string_value" else _value(body)
    if isinstance(value, str):
        event["message"] = value
        return
    text = value.get("message") if isinstance(value, dict) else None
    event["message"] = text if isinstance(text, str) else _text(value)
    if isinstance(value, dict | list):
        event["body"] = {"structured": value}


def _set_all(event: Event, attributes: Iterable[Any]) -> None:
    """Put attributes into their places, and the rest among the labels."""
    labels: dict[str, Any] = {}
    class_name = function = None
    for attribute in attributes:
        name = attribute.key
        kind = attribute.value.WhichOneof("value")
        value = attribute.value.string_value if kind == "string_value" else _value(attribute.value)
        if value is None:
            continue
        place = PLACES.get(name)
        if place is not None and not isinstance(value, dict):
            put(event, place, value)
        elif name == "code.namespace":
            class_name = value
        elif name == "code.function":
            function = value
        elif not (name in _IDS and value == get(event, _IDS[name])):
            labels.update(_labels(name, value))
    if function is not None or class_name is not None:
        # Of older versions of the conventions, which had two attributes.
        put(event, _FUNCTION, ".".join(str(part) for part in (class_name, function) if part is not None))
    if labels:
        event[_LABELS] = {**event.get(_LABELS, {}), **labels}


_IDS: Final[dict[str, Path]] = {
    name: place
    for names, place in ((("traceId", "trace_id"), ("trace", "id")), (("spanId", "span_id"), ("span", "id")))
    for name in names
}
"""What Spring Boot puts into the logging context, and so into the attributes, although the record has it."""


def _labels(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield labels, which are flat, as ECS asks, and whose names have no dots."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _labels(f"{name}.{key}", below)
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        yield _label(name), _text(value)
    else:
        yield _label(name), value


def _label(name: str) -> str:
    return name.replace(".", "_") or "_"


def _value(value: Any) -> Any:
    """Return what an AnyValue holds, as JSON has it."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    held = getattr(value, kind)
    if kind == "array_value":
        return [_value(item) for item in held.values]
    if kind == "kvlist_value":
        return {pair.key: _value(pair.value) for pair in held.values}
    if kind == "bytes_value":
        return base64.b64encode(held).decode()
    if kind == "double_value" and not math.isfinite(held):
        return str(held)
    return held


def _text(value: Any) -> str:
    return _encode(value).decode()


def _instant(nanoseconds: int) -> str:
    """Write a time with as many digits as it needs: milliseconds, microseconds or nanoseconds."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    digits = f"{rest:09}"
    while len(digits) > 3 and digits.endswith("000"):
        digits = digits[:-3]
    return with_digits(EPOCH + timedelta(seconds=seconds), digits)
