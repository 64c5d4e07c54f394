"""Filters beside a query: a field, an operator and values, as facets, buttons of rows and chips make them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from sawlog.errors import QueryError, nearest
from sawlog.store import mappings
from sawlog.store.base import Clause

OPERATORS: Final = ("is", "is_not", "exists", "missing", "range", "not_range")
RANGES: Final = frozenset({"range", "not_range"})
MOST_FILTERS: Final = 100
MOST_VALUES: Final = 1_000
TEXTS: Final = frozenset(name for name, mapping in mappings.FIELDS.items() if mapping["type"] == "text")


@dataclass(frozen=True, slots=True)
class FieldFilter:
    """One condition on a field. Several values of ``is`` are alternatives; ranges have two, from and before."""

    field: str
    operator: str = "is"
    values: tuple[Any, ...] = ()

    @classmethod
    def read(cls, told: Any) -> Self:
        """Make a filter of ``{"field", "operator", "values"}`` as a page or a link tells it.

        Raises:
            QueryError: it is none; says what is wrong.
        """
        if not isinstance(told, dict):
            raise QueryError("a filter is an object with 'field', 'operator' and 'values'")
        for key in told:
            if key not in {"field", "operator", "values"}:
                raise QueryError(f"a filter has no '{key}'; it has 'field', 'operator' and 'values'")
        field, operator, values = told.get("field"), told.get("operator", "is"), told.get("values", [])
        if not isinstance(field, str) or not field:
            raise QueryError("a filter needs the name of a 'field'")
        if operator not in OPERATORS:
            hint = nearest(str(operator), OPERATORS)
            raise QueryError(
                f"the filter on '{field}' has the operator {operator!r}; there are {', '.join(OPERATORS)}"
                f"{f' ({hint})' if hint else ''}"
            )
        if not isinstance(values, list) or not all(_is_value(one, operator) for one in values):
            raise QueryError(f"the filter on '{field}' needs 'values', a list of texts, numbers or true and false")
        _check_count(field, operator, values)
        return cls(field, operator, tuple(values))

    @property
    def excludes(self) -> bool:
        """Whether it takes away what it matches."""
        return self.operator in {"is_not", "missing", "not_range"}

    def clause(self) -> Clause:
        """Return the clause that holds for the events that it keeps."""
        found = self._found()
        return {"bool": {"must_not": [found]}} if self.excludes else found

    def _found(self) -> Clause:
        if self.operator in {"exists", "missing"}:
            return {"exists": {"field": self.field}}
        if self.operator in RANGES:
            limits = {side: value for side, value in zip(("gte", "lt"), self.values, strict=True) if value is not None}
            return {"range": {self.field: limits}}
        if self.field in TEXTS:
            phrases = [{"match_phrase": {self.field: {"query": value}}} for value in self.values]
            return phrases[0] if len(phrases) == 1 else {"bool": {"should": phrases, "minimum_should_match": 1}}
        return {"terms": {self.field: list(self.values)}}


def read_filters(told: Any) -> tuple[FieldFilter, ...]:
    """Make filters of a list of such objects, or of None. Raises QueryError."""
    if told is None:
        return ()
    if not isinstance(told, list):
        raise QueryError("'filters' is a list of objects with 'field', 'operator' and 'values'")
    if len(told) > MOST_FILTERS:
        raise QueryError(f"there are {len(told)} filters; at most {MOST_FILTERS}")
    return tuple(FieldFilter.read(one) for one in told)


def clauses(filters: Iterable[FieldFilter]) -> list[Clause]:
    """Return one clause for what each field's filters keep: values asked of one field at two places are alternatives.

    Those that exclude, and ranges, hold all.
    """
    alternatives: dict[str, list[Any]] = {}
    others: list[Clause] = []
    for one in filters:
        if one.operator == "is":
            values = alternatives.setdefault(one.field, [])
            values += [value for value in one.values if value not in values]
        else:
            others.append(one.clause())
    return [*(FieldFilter(field, "is", tuple(values)).clause() for field, values in alternatives.items()), *others]


def without(filters: Iterable[FieldFilter], field: str) -> tuple[FieldFilter, ...]:
    """Return the filters of other fields: by these the values of the field are counted, so that none vanishes."""
    return tuple(one for one in filters if one.field != field)


def _is_value(value: Any, operator: str) -> bool:
    return isinstance(value, str | int | float | bool) or (value is None and operator in RANGES)


def _check_count(field: str, operator: str, values: Sequence[Any]) -> None:
    if operator in {"is", "is_not"} and not values:
        raise QueryError(f"the filter on '{field}' has no value")
    if operator in {"exists", "missing"} and values:
        raise QueryError(f"the filter on '{field}' takes no values: it asks whether there is one")
    if operator in RANGES and (len(values) != 2 or all(one is None for one in values)):
        raise QueryError(f"the filter on '{field}' needs two 'values', from and before; one of them may be null")
    if len(values) > MOST_VALUES:
        raise QueryError(f"the filter on '{field}' has {len(values)} values; at most {MOST_VALUES}")
