"""Messages: the templates of a rule, filled in with what has changed.

What comes from logs is hostile: it is put in as one line without control characters, and calls nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import groupby
from typing import Any, Final
from urllib.parse import urlencode

from sawlog.search import error_groups
from sawlog.search.problem_rules import ProblemRules
from sawlog.store.base import Hit
from sawlog.times.instant import of_milliseconds
from sawlog.watch.counting import field_of
from sawlog.watch.durations import write_duration
from sawlog.watch.machine import FIRES, STILL, AlertChange
from sawlog.watch.memory import AlertMessage
from sawlog.watch.rules import AlertRule

TOGETHER: Final = 20
"""So many groups are told one by one; of further ones of a rule at a time, how many they are."""
LONGEST: Final = 500
TITLE: Final = 200
_CALLS: Final = re.compile(r"(?<!\w)@(?=\w)|<(?=[!@#]|https?:)")


class Wording:
    """Writes messages: times on the clock of a zone, links to a page, if there is one."""

    def __init__(self, zone: tzinfo, page: str | None, problems: ProblemRules) -> None:
        self.page = page
        self._zone = zone
        self._problems = problems

    def messages(
        self, rule: AlertRule, changes: Sequence[AlertChange], newest: Mapping[str, Hit | None], made: int
    ) -> list[AlertMessage]:
        """Return what is to be told of changes: one message for all groups of one kind at one time."""
        told = sorted((one for one in changes if one.is_told), key=lambda one: one.at)
        messages = []
        for (_, kind), several in groupby(told, key=lambda one: (one.at, one.kind)):
            some = list(several)
            title, text = self._one(rule, some[0], newest.get(some[0].group))
            if len(some) > 1:
                texts = ["\n".join(self._one(rule, one, newest.get(one.group))) for one in some[:TOGETHER]]
                more = [f"and {len(some) - TOGETHER:,} more"] if len(some) > TOGETHER else []
                title, text = f"{title} and {len(some) - 1:,} more", "\n\n".join(texts + more)
            messages.append(AlertMessage(rule.name, kind, title, text, made, list(rule.notify)))
        return messages

    def link(self, rule: AlertRule, group: str, value: Any, at: int, sample: Hit | None = None) -> str:
        """Return the address of a window's events on the page; empty if nobody knows where it is."""
        if self.page is None:
            return ""
        asked = [("view", "events"), ("q", rule.query)]
        asked += [("lang", rule.language)] if rule.language != "auto" else []
        if rule.is_of_problems and sample is not None:
            asked += [(_filter(one["field"], one["values"])) for one in self._selecting(sample)]
        elif rule.field is not None:
            asked.append(_filter(rule.field, [group if value is None else value]))
        asked += [("from", of_milliseconds(at - rule.within)), ("to", of_milliseconds(at - 1))]
        asked += [("index", rule.index)] if rule.index else []
        return f"{self.page}/?{urlencode([(name, text) for name, text in asked if text])}"

    def _selecting(self, sample: Hit) -> list[dict[str, Any]]:
        found = error_groups.grouped([sample], self._problems)
        return error_groups.selecting(found[0], self._problems) if found else []

    def _one(self, rule: AlertRule, change: AlertChange, newest: Hit | None) -> tuple[str, str]:
        values = {
            "rule": rule.name,
            "state": change.kind,
            "group": calm(change.group),
            "by": rule.field or "",
            "count": f"{change.count:,}",
            "peak": f"{change.peak:,}",
            "limit": f"{rule.limit:,}",
            "within": write_duration(rule.within),
            "from": self._time(change.at - rule.within),
            "to": self._time(change.at),
            "since": self._time(change.since),
            "duration": write_duration(change.at - change.since),
            "query": rule.query or "all events",
            "sample": calm(field_of(newest, "message").strip().partition("\n")[0]),
            "link": self.link(rule, change.group, change.value, change.at, newest),
        }
        text = rule.text if change.kind in {FIRES, STILL} else rule.recovered_text

        def field(name: str) -> str:
            return calm(field_of(newest, name))

        return rule.title.render(values, field).replace("\n", " ")[:TITLE], text.render(values, field)

    def _time(self, at: int) -> str:
        return datetime.fromtimestamp(at / 1_000, UTC).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def calm(text: str) -> str:
    """Return a text of a log as one line that drives no terminal and calls nobody (``@here``, ``<!channel>``)."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text[: 2 * LONGEST]).split())
    cut = line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"
    return _CALLS.sub(lambda found: found[0] + "\u200b", cut)


def _filter(field: str, values: Sequence[Any]) -> tuple[str, str]:
    return "is", f"{field}:{json.dumps(list(values), ensure_ascii=False)}"
