"""What `alerts.yml` says, as the rest of the package has it. Times are milliseconds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from sawlog.errors import Position
from sawlog.search.error_groups import LEVELS
from sawlog.store.base import Clause
from sawlog.watch.durations import write_duration
from sawlog.watch.template import AlertTemplate

MORE_THAN: Final = "more_than"
FEWER_THAN: Final = "fewer_than"
NEW: Final = "new"
KINDS: Final = (MORE_THAN, FEWER_THAN, NEW)
PROBLEM: Final = "problem"
"""What `new` may name besides a field: an exception by type and place, an error message by its shape."""
MOST_CELLS: Final = 50_000
"""Groups times windows that one search counts: Elasticsearch's limit is 65,536 buckets."""


@dataclass(frozen=True, slots=True)
class AlertTarget:
    """Somebody who is told; `url` is apprise's, and holds secrets."""

    name: str
    url: str = field(repr=False)
    position: Position


@dataclass(frozen=True, slots=True)
class AlertRule:
    """One rule. Its windows end at each whole multiple of `every` since 1970, and are `within` long."""

    name: str
    query: str
    language: str
    index: str | None
    clause: Clause
    kind: str
    limit: int
    of: str
    """What must be new: a field, or `PROBLEM`."""
    by: str | None
    within: int
    every: int
    remember: int
    cool_down: int
    repeat: int | None
    recovery: bool
    groups: int
    title: AlertTemplate
    text: AlertTemplate
    recovered_text: AlertTemplate
    notify: tuple[str, ...]

    @property
    def field(self) -> str | None:
        """The field that events are counted by; None if they are not, or by what they are the same problem."""
        return self.by if self.kind != NEW else None if self.of == PROBLEM else self.of

    @property
    def is_of_problems(self) -> bool:
        """Whether events are counted by the problem that they are."""
        return self.kind == NEW and self.of == PROBLEM

    @property
    def wanted(self) -> Clause:
        """The events that the rule is about."""
        errors: list[Clause] = [{"terms": {"log.level": list(LEVELS)}}] if self.is_of_problems else []
        return {"bool": {"filter": [self.clause, *errors]}}

    @property
    def steps(self) -> int:
        """Windows that are counted in one search at most."""
        if self.is_of_problems:
            return 240
        return max(1, MOST_CELLS // self.groups - self.within // self.every)

    @property
    def fingerprint(self) -> str:
        """What the memory of a rule belongs to: with another question, it begins anew."""
        asked = [self.clause, self.index, self.kind, self.limit, self.of, self.by, self.within, self.every]
        return hashlib.sha256(json.dumps([*asked, self.remember]).encode()).hexdigest()[:16]

    @property
    def words(self) -> str:
        """The condition, as a person says it."""
        within = write_duration(self.within)
        if self.kind == NEW:
            return f"a new {self.of}"
        how = f"more than {self.limit:,}" if self.kind == MORE_THAN else f"fewer than {self.limit:,}"
        what = "no events" if self.kind == FEWER_THAN and self.limit == 1 else f"{how} events"
        return f"{what}{f' of one {self.by}' if self.by else ''} within {within}"


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """A whole file."""

    file: str
    rules: tuple[AlertRule, ...]
    targets: tuple[AlertTarget, ...]
    delay: int
    catch_up: int
    give_up: int
    zone: tzinfo
    page: str | None
    notes: tuple[str, ...] = ()
