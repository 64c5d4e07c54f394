"""The names of CEF: what its extensions are called in full and in short, and in which fields of ECS Logstash has them.

Sources: the white paper "Common Event Format"; the tables on the page of Logstash's codec.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HEADER: Final = (
    ("cefVersion", "[cef][version]"),
    ("deviceVendor", "[observer][vendor]"),
    ("deviceProduct", "[observer][product]"),
    ("deviceVersion", "[observer][version]"),
    ("deviceEventClassId", "[event][code]"),
    ("name", "[cef][name]"),
    ("severity", "[event][severity]"),
)
"""The seven parts of the header, in order."""
SYSLOG: Final = ("syslog", "[log][syslog][header]")
"""What stands in front of it."""
ZONE: Final = "[event][timezone]"
TIMES: Final = frozenset(
    {
        "agentReceiptTime", "deviceReceiptTime", "endTime", "fileModificationTime", "managerReceiptTime",
        "oldFileCreateTime", "oldFileModificationTime", "startTime",
    }
)  # fmt: skip
"""Which are times that are read where fields have the names of ECS."""


@dataclass(frozen=True, slots=True)
class CefName:
    """One extension: its name, its key, and its field with and without ECS."""

    name: str
    key: str
    ecs: str
    plain: str

    def field(self, *, is_ecs: bool) -> str:
        """Return the field that it is in."""
        return self.ecs if is_ecs else self.plain


def names(device: str) -> Iterator[CefName]:
    """Yield all; of two with one field, that which an encoder takes comes last. `device` is observer or host."""
    identity, host = (
        ("[host][id]", "[host][name]") if device == "host" else ("[observer][name]", "[observer][hostname]")
    )
    for line in _TABLE.strip().splitlines():
        name, key, ecs = line.format(device=device, id=identity, hostname=host).split()
        yield CefName(name, name if key == "-" else key, ecs, name)
    for number in range(1, 16):
        for kind, short, field in _CUSTOM:
            place = f"[cef][{field}_{number}]"
            yield CefName(f"{kind}{number}", f"{short}{number}", f"{place}[value]", f"{kind}{number}")
            label = f"{kind}{number}Label"
            yield CefName(label, f"{short}{number}Label", f"{place}[label]", label)
    for end in ("destination", "source"):
        for short, key, field in (("Latitude", "lat", "lat"), ("Longitude", "long", "lon")):
            place = f"[{end}][geo][location][{field}]"
            # Older names, which keep their own where there is no ECS.
            yield CefName(f"{end}{short}", f"{end[0]}{key}", place, f"{end}{short}")
            yield CefName(f"{end}Geo{short}", f"{end[0]}{key}", place, f"{end}Geo{short}")


_CUSTOM: Final = (
    ("deviceCustomFloatingPoint", "cfp", "device_custom_floating_point"),
    ("deviceCustomIPv6Address", "c6a", "device_custom_ipv6_address"),
    ("deviceCustomNumber", "cn", "device_custom_number"),
    ("deviceCustomString", "cs", "device_custom_string"),
)
_TABLE: Final = """
agentAddress agt [agent][ip]
agentHostName ahost [agent][name]
agentId aid [agent][id]
agentMacAddress amac [agent][mac]
agentNtDomain - [cef][agent][registered_domain]
agentDnsDomain - [cef][agent][registered_domain]
agentReceiptTime art [event][created]
agentTimeZone atz [cef][agent][timezone]
agentTranslatedAddress - [cef][agent][nat][ip]
agentTranslatedZoneExternalID - [cef][agent][translated_zone][external_id]
agentTranslatedZoneURI - [cef][agent][translated_zone][uri]
agentType at [agent][type]
agentVersion av [agent][version]
agentZoneExternalID - [cef][agent][zone][external_id]
agentZoneURI - [cef][agent][zone][uri]
applicationProtocol app [network][protocol]
baseEventCount cnt [cef][base_event_count]
bytesIn in [source][bytes]
bytesOut out [destination][bytes]
categoryDeviceType catdt [cef][device_type]
customerExternalID - [organization][id]
customerURI - [organization][name]
destinationAddress dst [destination][ip]
destinationHostName dhost [destination][domain]
destinationMacAddress dmac [destination][mac]
destinationNtDomain dntdom [destination][registered_domain]
destinationDnsDomain - [destination][registered_domain]
destinationPort dpt [destination][port]
destinationProcessId dpid [destination][process][pid]
destinationProcessName dproc [destination][process][name]
destinationServiceName - [destination][service][name]
destinationTranslatedAddress - [destination][nat][ip]
destinationTranslatedPort - [destination][nat][port]
destinationTranslatedZoneExternalID - [cef][destination][translated_zone][external_id]
destinationTranslatedZoneURI - [cef][destination][translated_zone][uri]
destinationUserId duid [destination][user][id]
destinationUserName duser [destination][user][name]
destinationUserPrivileges dpriv [destination][user][group][name]
destinationZoneExternalID - [cef][destination][zone][external_id]
destinationZoneURI - [cef][destination][zone][uri]
deviceAction act [event][action]
deviceAddress dvc [{device}][ip]
deviceDirection - [network][direction]
deviceDnsDomain - [{device}][registered_domain]
deviceEventCategory cat [cef][category]
deviceExternalId - {id}
deviceFacility - [log][syslog][facility][code]
deviceHostName dvchost {hostname}
deviceInboundInterface - [observer][ingress][interface][name]
deviceMacAddress dvcmac [{device}][mac]
deviceNtDomain - [cef][nt_domain]
deviceOutboundInterface - [observer][egress][interface][name]
devicePayloadId - [cef][payload_id]
deviceProcessId dvcpid [process][pid]
deviceProcessName - [process][name]
deviceReceiptTime rt @timestamp
deviceTimeZone dtz [event][timezone]
deviceTranslatedAddress - [host][nat][ip]
deviceTranslatedZoneExternalID - [cef][translated_zone][external_id]
deviceTranslatedZoneURI - [cef][translated_zone][uri]
deviceVersion - [observer][version]
deviceZoneExternalID - [cef][zone][external_id]
deviceZoneURI - [cef][zone][uri]
endTime end [event][end]
eventId - [event][id]
eventOutcome outcome [event][outcome]
externalId - [cef][external_id]
fileCreateTime - [file][created]
fileHash - [file][hash]
fileId - [file][inode]
fileModificationTime - [file][mtime]
fileName fname [file][name]
filePath - [file][path]
filePermission - [file][group]
fileSize fsize [file][size]
fileType - [file][extension]
managerReceiptTime mrt [event][ingested]
message msg message
oldFileCreateTime - [cef][old_file][created]
oldFileHash - [cef][old_file][hash]
oldFileId - [cef][old_file][inode]
oldFileModificationTime - [cef][old_file][mtime]
oldFileName - [cef][old_file][name]
oldFilePath - [cef][old_file][path]
oldFilePermission - [cef][old_file][group]
oldFileSize - [cef][old_file][size]
oldFileType - [cef][old_file][extension]
rawEvent - [event][original]
Reason reason [event][reason]
requestClientApplication - [user_agent][original]
requestContext - [http][request][referrer]
requestCookies - [cef][request][cookies]
requestMethod - [http][request][method]
requestUrl request [url][original]
sourceAddress src [source][ip]
sourceHostName shost [source][domain]
sourceMacAddress smac [source][mac]
sourceNtDomain sntdom [source][registered_domain]
sourceDnsDomain - [source][registered_domain]
sourcePort spt [source][port]
sourceProcessId spid [source][process][pid]
sourceProcessName sproc [source][process][name]
sourceServiceName - [source][service][name]
sourceTranslatedAddress - [source][nat][ip]
sourceTranslatedPort - [source][nat][port]
sourceTranslatedZoneExternalID - [cef][source][translated_zone][external_id]
sourceTranslatedZoneURI - [cef][source][translated_zone][uri]
sourceUserId suid [source][user][id]
sourceUserName suser [source][user][name]
sourceUserPrivileges spriv [source][user][group][name]
sourceZoneExternalID - [cef][source][zone][external_id]
sourceZoneURI - [cef][source][zone][uri]
startTime start [event][start]
transportProtocol proto [network][transport]
type - [cef][type]
"""
