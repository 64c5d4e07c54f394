"""How rules and those who are told stand."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from sawlog.watch.rules import AlertRule


@dataclass(slots=True)
class RuleStanding:
    """A rule since the start; `problem` says why it cannot be looked at, if so."""

    rule: AlertRule
    problem: str | None = None
    is_partial: bool = False
    looks: int = 0
    failures: int = 0
    changes: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class TargetStanding:
    """One who is told, since the start; `problem` says why the last message was not sent, if so."""

    name: str
    problem: str | None = None
    sent: int = 0
    failures: int = 0
    given_up: int = 0
