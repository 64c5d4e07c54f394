"""geoip: where an address is, out of the user's MaxMind database."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path as File
from typing import Any, ClassVar, Final

from ingest import settings
from ingest.failure import fail, place
from ingest.filter.base import Filter
from ingest.options import Kind, Option, Options
from sawlog.event import MISSING, Event, Path, get

_FOLDERS: Final = (
    "/usr/share/GeoIP",
    "/var/lib/GeoIP",
    "/usr/local/share/GeoIP",
    "/usr/share/logstash/data/geoip_database_management/*",
    "/var/lib/logstash/geoip_database_management/*",
)
"""Where databases are looked for: geoipupdate's folders, and those of a Logstash that fetches its own."""
_HINT: Final = "set database => '/path/to/GeoLite2-City.mmdb'; MaxMind gives the file to who registers"

# Name in Logstash → path without ECS, path with ECS (None: not written).
_PATHS: Final[dict[str, tuple[Path, Path | None]]] = {
    "ip": (("ip",), ("ip",)),
    "city_name": (("city_name",), ("geo", "city_name")),
    "country_name": (("country_name",), ("geo", "country_name")),
    "continent_code": (("continent_code",), ("geo", "continent_code")),
    "continent_name": (("continent_name",), ("geo", "continent_name")),
    "country_code2": (("country_code2",), ("geo", "country_iso_code")),
    "country_code3": (("country_code3",), None),
    "postal_code": (("postal_code",), ("geo", "postal_code")),
    "region_name": (("region_name",), ("geo", "region_name")),
    "region_code": (("region_code",), ("geo", "region_code")),
    "region_iso_code": (("region_iso_code",), ("geo", "region_iso_code")),
    "timezone": (("timezone",), ("geo", "timezone")),
    "location": (("location",), ("geo", "location")),
    "latitude": (("latitude",), ("geo", "location", "lat")),
    "longitude": (("longitude",), ("geo", "location", "lon")),
    "domain": (("domain",), ("domain",)),
    "asn": (("asn",), ("as", "number")),
    "as_org": (("as_org",), ("as", "organization", "name")),
    "isp": (("isp",), ("mmdb", "isp")),
    "dma_code": (("dma_code",), ("mmdb", "dma_code")),
    "organization": (("organization",), ("mmdb", "organization")),
    "network": (("network",), ("network",)),
}
_OLD_NAMES: Final = {
    "autonomous_system_number": "asn",
    "autonomous_system_organization": "as_org",
    "country_iso_code": "country_code2",
}
_CITY: Final = (
    "ip", "city_name", "continent_code", "country_name", "country_code2", "country_code3", "postal_code",
    "dma_code", "region_name", "timezone", "location", "latitude", "longitude",
)  # fmt: skip


class Geoip(Filter):
    """An address that the database does not know is tagged; so is what is no address (names are not resolved)."""

    name = "geoip"
    options: ClassVar[dict[str, Option]] = {
        "source": Option(Kind.FIELD, "The field with the address; of a list, the first.", required=True),
        "target": Option(
            Kind.FIELD, "The field for what is found: the parent of a source named […][ip], or geoip without ECS."
        ),
        "database": Option(Kind.PATH, "The MaxMind database (City, Country, ASN, ISP, Domain or Enterprise)."),
        "default_database_type": Option(
            Kind.STRING, "Which database it would be without `database`.", "City", one_of=("City", "ASN")
        ),
        "fields": Option(Kind.ARRAY, "What is written; all that the database has if not given."),
        "tag_on_failure": Option(Kind.ARRAY, "Tags of an event without result.", ["_geoip_lookup_failure"]),
        "cache_size": Option(Kind.NUMBER, "How many addresses are remembered.", 1000),
        "lru_cache_size": Option(Kind.NUMBER, "", replaced_by="cache_size"),
        "ecs_compatibility": settings.ECS_COMPATIBILITY,
    }

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._ecs = settings.is_ecs(options)
        source = settings.field(options, "source")
        self._read = settings.reader(source)
        self._target = self._target_of(options, source)
        self._tags = options["tag_on_failure"]
        self._size = int(options["cache_size"])
        if self._size < 1:
            raise options.error("geoip: cache_size is greater than 0", "cache_size")
        self._known: dict[str, list[tuple[Path, Any]]] = {}
        self._fields = self._fields_of(options)
        self._database = _open(options)
        self._type: str = self._database.metadata().database_type if self._database is not None else ""

    @property
    def has_database(self) -> bool:
        """Whether there is one, so that anything can be found."""
        return self._database is not None

    def apply(self, events: list[Event]) -> list[Event]:  # noqa: D102 - Filter.apply
        if self._database is None:
            for event in events:
                fail(event, self._tags, "geoip: there is no database")
            return events
        for event in events:
            value = self._read(event)
            if isinstance(value, list):
                value = value[0] if value else None
            if value is MISSING or value is None or not isinstance(value, str) or not value.strip():
                fail(event, self._tags, "geoip: there is no address")
                continue
            found = self._known.get(value)
            if found is None:
                try:
                    found = self._find(value)
                except ValueError as error:
                    fail(event, self._tags, f"geoip: {error}")
                    found = []
                if len(self._known) >= self._size:
                    self._known.clear()
                self._known[value] = found
            if not found:
                if get(event, self._target) is None:
                    place(event, self._target, {})
                fail(event, self._tags, f"geoip: '{value}' is not in the database")
                continue
            for path, one in found:
                place(event, path, one)
            if self.succeeded:
                self.succeeded(event)
        return events

    def _find(self, text: str) -> list[tuple[Path, Any]]:
        address = ipaddress.ip_address(text.strip())
        if address.version == 6 and self._database.metadata().ip_version == 4:
            return []
        record = self._database.get_with_prefix_len(str(address))
        if not isinstance(record[0], Mapping):
            return []
        values = _values(record[0], str(address))
        values["network"] = str(ipaddress.ip_network(f"{address}/{record[1]}", strict=False))
        is_city = "City" in self._type or "Enterprise" in self._type
        if is_city and "latitude" not in values and "longitude" not in values:
            return []
        wanted = self._fields or self._default_fields(is_city)
        found: list[tuple[Path, Any]] = []
        for name in wanted:
            path = _PATHS[name][self._ecs]
            if path and values.get(name) is not None:
                found.append((self._target + path, values[name]))
        return found

    def _default_fields(self, is_city: bool) -> tuple[str, ...]:
        if is_city:
            return (*_CITY, "region_iso_code" if self._ecs else "region_code", "asn", "as_org", "isp", "domain")
        if "Country" in self._type:
            return ("ip", "country_code2", "country_name", "continent_name")
        return ("ip", "asn", "as_org", "isp", "organization", "domain", "network")

    def _target_of(self, options: Options, source: Path) -> Path:
        if options["target"]:
            return settings.field(options, "target")
        if not self._ecs:
            return ("geoip",)
        if len(source) > 1 and source[-1] == "ip":
            return source[:-1]
        raise options.error(
            "geoip needs the option 'target', as the source is no [ip] of another field",
            "source",
            "for example target => 'client', or ecs_compatibility => disabled",
        )

    def _fields_of(self, options: Options) -> tuple[str, ...]:
        names = []
        for given in options["fields"] or ():
            name = str(given).lower()
            name = _OLD_NAMES.get(name, name)
            if name not in _PATHS:
                raise options.error(f"geoip: there is no field '{given}'", "fields", settings.nearest(name, _PATHS))
            names.append(name)
        return tuple(names)


def _open(options: Options) -> Any:
    path = options["database"] or _found(options["default_database_type"])
    if not path:
        tags, kind = ", ".join(options["tag_on_failure"]), options["default_database_type"]
        options.notes.append(
            f"{options.position}: geoip: no {kind} database comes with sawlog, and none is in {', '.join(_FOLDERS)}:"
            f" events go on tagged {tags} ({_HINT})"
        )
        return None
    if not File(path).is_file():
        raise options.error(f"geoip: there is no file '{path}'", "database", _HINT)
    import maxminddb  # noqa: PLC0415 - only who uses it loads it

    try:
        return maxminddb.open_database(path)
    except (maxminddb.InvalidDatabaseError, OSError) as error:
        raise options.error(f"geoip: '{path}' is no MaxMind database: {error}", "database") from None


def _found(kind: str) -> str | None:
    """Return the database where MaxMind's own program or a Logstash puts it."""
    paths = [path for folder in _FOLDERS for path in File("/").glob(f"{folder[1:]}/*-{kind}.mmdb")]
    return str(paths[0]) if paths else None


def _values(record: Mapping[str, Any], address: str) -> dict[str, Any]:
    """Name what a record of MaxMind's has in Logstash's words."""
    country, location = record.get("country", {}), record.get("location", {})
    region = (record.get("subdivisions") or [{}])[-1]
    traits = {**record, **record.get("traits", {})}
    latitude, longitude = location.get("latitude"), location.get("longitude")
    values = {
        "ip": address,
        "city_name": _english(record.get("city")),
        "country_name": _english(country),
        "continent_code": record.get("continent", {}).get("code"),
        "continent_name": _english(record.get("continent")),
        "country_code2": country.get("iso_code"),
        "country_code3": country.get("iso_code"),
        "postal_code": record.get("postal", {}).get("code"),
        "region_name": _english(region),
        "region_code": region.get("iso_code"),
        "timezone": location.get("time_zone"),
        "latitude": latitude,
        "longitude": longitude,
        "dma_code": location.get("metro_code"),
        "domain": traits.get("domain"),
        "asn": traits.get("autonomous_system_number"),
        "as_org": traits.get("autonomous_system_organization"),
        "isp": traits.get("isp"),
        "organization": traits.get("organization"),
    }
    if country.get("iso_code") and region.get("iso_code"):
        values["region_iso_code"] = f"{country['iso_code']}-{region['iso_code']}"
    if latitude is not None and longitude is not None:
        values["location"] = {"lat": latitude, "lon": longitude}
    return {name: value for name, value in values.items() if value is not None}


def _english(place: Any) -> str | None:
    names = place.get("names", {}) if isinstance(place, Mapping) else {}
    return names.get("en")
