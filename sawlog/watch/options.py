"""The options of `alerts.yml`: names, what they take, and what they mean: for `reading` and the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class AlertOption:
    """One option; `kind` is what stands behind it, `usual` what holds where it is not given."""

    name: str
    kind: str
    usual: str
    words: str


FILE: Final = tuple(
    AlertOption(*one)
    for one in (
        ("rules", "list", "", "The rules."),
        ("notify", "list", "nobody", "Who is told. What fires is on the page, in the log and in the metrics."),
        (
            "delay",
            "duration",
            "30s",
            "How long events may take from their time to the index. Windows end so long before now.",
        ),
        (
            "catch_up",
            "duration",
            "1d",
            "After a stop, windows of so long ago are looked at still; none is left out between.",
        ),
        ("give_up", "duration", "1d", "How long a message that cannot be delivered is tried again."),
        ("zone", "zone", "local", "The clock of times in messages: Europe/Lisbon, UTC, or this machine's."),
        (
            "page",
            "address",
            "of `sawlog up`, its page",
            "Where the page is, for links in messages: `https://logs.example.com`. May hold `${NAME}`.",
        ),
    )
)
TARGET: Final = tuple(
    AlertOption(*one)
    for one in (
        ("name", "text", "", "What rules call it; shown instead of the address."),
        ("url", "address", "", "An address of apprise: `slack://…`, `mailtos://…`, `jsons://…`. May hold `${NAME}`."),
        ("url_file", "path", "", "A file that holds the address, instead of `url`; of `/run/secrets`, for instance."),
    )
)
RULE: Final = tuple(
    AlertOption(*one)
    for one in (
        ("name", "text", "", "What the rule is called; each name once."),
        ("query", "text", "all events", "Which events: KQL or Lucene's syntax, as on the page."),
        ("language", "language", "auto", "`kql` or `lucene`, where the query does not show it."),
        ("index", "text", "all", "Only this data stream or index; `*` is a wildcard."),
        ("more_than", "count", "", "Fires when there are more events than this in the window."),
        (
            "fewer_than",
            "positive",
            "",
            "Fires when there are fewer. `1`: when there is none. With `by`, for each group that was there before.",
        ),
        (
            "new",
            "field",
            "",
            "Fires when a field, such as `error.type`, has a value that it did not have; or, as `problem`, when there"
            " is an exception at a place, or an error of a shape, that there was not.",
        ),
        ("within", "duration", "5m; of `new`, 10m", "How long the window is."),
        ("by", "field", "all together", "Count for each value of this field. Events without it are not counted."),
        (
            "every",
            "duration",
            "a sixtieth of `within`, but 30s at least, or `within`",
            "How often windows end. `within` is a multiple of it.",
        ),
        (
            "remember",
            "duration",
            "1d; of `new`, 7d",
            "Of `fewer_than` with `by` and of `new`: how long a value is known after its last event.",
        ),
        ("cool_down", "duration", "15m", "Nobody is told again that a group fires before so much time has passed."),
        ("repeat", "duration", "never", "Tell again when a group has fired for so long."),
        ("recovery", "flag", "true; of `new`, false", "Tell when a group that somebody was told of fires no longer."),
        ("groups", "groups", "100; of `new`, 1,000", "So many groups are watched at most, those with most events."),
        ("notify", "names", "all", "Which of the file's targets are told; `[]` for none."),
        ("title", "template", "as below", "The title of messages."),
        ("text", "template", "as below", "The text of messages that a group fires."),
        ("recovered_text", "template", "as below", "The text of messages that a group has recovered."),
    )
)

TITLE: Final = "[{state}] {rule}"
TITLE_OF_GROUP: Final = "[{state}] {rule}: {group}"
TEXTS: Final = {
    "more_than": "{count} events within {within} until {to}, which is more than {limit}.\n{sample}\n{link}",
    "fewer_than": "{count} events within {within} until {to}, which is fewer than {limit}.\n{link}",
    "new": "{count} events within {within} until {to}.\n{newest.service.name}\n{sample}\n{link}",
}
RECOVERED_TEXT: Final = "{count} events within {within} until {to}; it has fired for {duration}, since {since}.\n{link}"
