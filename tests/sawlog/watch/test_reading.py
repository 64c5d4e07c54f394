"""`alerts.yml`: what is read, and what is refused with its place and the nearest known name."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sawlog import secrets
from sawlog.errors import ConfigError, ConfigErrors
from sawlog.watch.options import FILE, RULE, TARGET
from sawlog.watch.reading import LONGEST, SHORTEST, read_alerts, usual_every
from sawlog.watch.rules import AlertRule, AlertSettings
from sawlog.watch.telling import Teller

WHOLE = """
delay: 10s
catch_up: 2h
give_up: 12h
zone: Europe/Lisbon
page: https://${LOGS_HOST:logs.example.com}/
notify:
  - {name: team, url: 'json://example.com/${HOOK}'}
  - {name: mail, url_file: mail.url}
rules:
  - name: errors
    query: log.level:ERROR AND NOT tags:test
    language: lucene
    index: logs-*
    more_than: 20
    within: 10m
    by: service.name
    every: 1m
    cool_down: 1h
    repeat: 4h
    recovery: false
    groups: 50
    notify: [mail]
    title: '{group} fails'
    text: '{count} of {newest.host.name}'
    recovered_text: '{group} is well'
  - name: silent
    fewer_than: 1
    by: service.name
    remember: 2d
  - name: new types
    new: error.type
"""


def read(tmp_path: Path, text: str) -> AlertSettings:
    file = tmp_path / "alerts.yml"
    file.write_text(text)
    return read_alerts(file)


def one(tmp_path: Path, text: str) -> AlertRule:
    return read(tmp_path, f"rules: [{{name: a, {text}}}]").rules[0]


def test_all_options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK", "t0ken-of-the-hook")
    (tmp_path / "mail.url").write_text("mailto://me:p4ss@example.com\n")
    settings = read(tmp_path, WHOLE)
    assert (settings.delay, settings.catch_up, settings.give_up) == (10_000, 7_200_000, 43_200_000)
    assert settings.zone == ZoneInfo("Europe/Lisbon")
    assert settings.page == "https://logs.example.com"
    assert [target.url for target in settings.targets] == [
        "json://example.com/t0ken-of-the-hook",
        "mailto://me:p4ss@example.com",
    ]
    errors, silent, new = settings.rules
    assert (errors.kind, errors.limit, errors.by, errors.field) == ("more_than", 20, "service.name", "service.name")
    assert (errors.within, errors.every, errors.cool_down, errors.repeat) == (600_000, 60_000, 3_600_000, 14_400_000)
    assert (errors.recovery, errors.groups, errors.notify, errors.index) == (False, 50, ("mail",), "logs-*")
    assert errors.words == "more than 20 events of one service.name within 10m"
    assert (silent.kind, silent.limit, silent.within, silent.every) == ("fewer_than", 1, 300_000, 30_000)
    assert (silent.remember, silent.recovery, silent.notify) == (2 * 86_400_000, True, ("team", "mail"))
    assert silent.words == "no events of one service.name within 5m"
    assert (new.of, new.field, new.recovery, new.remember) == ("error.type", "error.type", False, 7 * 86_400_000)
    assert new.words == "a new error.type"


def test_every_option_is_tried_above() -> None:
    for option in (*FILE, *TARGET, *RULE):
        assert f"{option.name}:" in WHOLE, option.name


WRONG = [
    ("", 1, "there are no 'rules'", None),
    ("rules: 5", 1, "'rules' is a list", None),
    ("rules:\n- 5", 2, "a rule has name, query", None),
    ("rules: [\n", 2, "", None),
    ("rules: []\ndelay: 10", 2, "'delay' is a duration", None),
    ("rules: []\ndelya: 10s", 2, "has no option 'delya'", "did you mean 'delay'?"),
    ("rules: []\nzone: Mars", 2, "there is no time zone 'Mars'", None),
    ("rules: []\npage: logs", 2, "'page' is an address", None),
    ("rules:\n- name: a\n  more_then: 5", 3, "a rule has no option 'more_then'", "did you mean 'more_than'?"),
    ("rules:\n- name: a", 2, "a rule has one of more_than, fewer_than, new", None),
    ("rules:\n- more_than: 5", 2, "a rule has a 'name'", None),
    ("rules:\n- name: a\n  more_than: 5\n  new: error.type", 4, "and this has several", None),
    ("rules:\n- name: a\n  more_than: many", 3, "'more_than' is a whole number", None),
    ("rules:\n- name: a\n  more_than: -1", 3, "'more_than' is a whole number", None),
    ("rules:\n- name: a\n  fewer_than: 0", 3, "'fewer_than' is a whole number from 1", None),
    ("rules:\n- name: a\n  fewer_than: true", 3, "'fewer_than' is a whole number from 1", None),
    ("rules:\n- name: a\n  more_than: 5\n  query: 'log.level: ('", 4, "the query is not understood", None),
    ("rules:\n- name: a\n  more_than: 5\n  language: kgl", 4, "'language' is one of", "did you mean 'kql'?"),
    ("rules:\n- name: a\n  more_than: 5\n  within: 5 minutes", 4, "'within' is a duration", None),
    ("rules:\n- name: a\n  more_than: 5\n  within: 500ms", 4, "'within' is a duration", None),
    ("rules:\n- name: a\n  more_than: 5\n  within: 91d", 4, "'within' is a duration", None),
    ("rules:\n- name: a\n  more_than: 5\n  within: 5m\n  every: 45s", 5, "'within' (5m) is no multiple of", None),
    ("rules:\n- name: a\n  more_than: 5\n  within: 1d\n  every: 1s", 5, "are too many to count at once", None),
    ("rules:\n- name: a\n  more_than: 5\n  by: message", 4, "'message' is a text of many words", None),
    ("rules:\n- name: a\n  new: message", 3, "'message' is a text of many words", None),
    ("rules:\n- name: a\n  new: error.type\n  by: service.name", 4, "groups by what is new", None),
    ("rules:\n- name: a\n  more_than: 5\n  remember: 1d", 4, "'remember' is for 'new'", None),
    ("rules:\n- name: a\n  new: error.type\n  remember: 10m", 4, "'remember' is longer than 'within'", None),
    ("rules:\n- name: a\n  more_than: 5\n  groups: 1001", 4, "'groups' is a whole number from 1 to 1,000", None),
    ("rules:\n- name: a\n  more_than: 5\n  recovery: maybe", 4, "'recovery' is true or false", None),
    ("rules:\n- name: a\n  more_than: 5\n  title: '{rul}'", 4, "there is no '{rul}'", "did you mean 'rule'?"),
    ("rules:\n- name: a\n  more_than: 5\n  title: [a]", 4, "'title' is a text", None),
    ("rules:\n- name: a\n  more_than: 5\n  notify: [b]", 4, "there is no target 'b'", None),
    ("rules:\n- name: a\n  more_than: 5\n  notify: {b: c}", 4, "'notify' is a list of names", None),
    ("rules:\n- name: a\n  more_than: 5\n- name: a\n  more_than: 6", 1, "two rules with the name 'a'", None),
    ("notify:\n- name: a\nrules: []", 2, "a target has a 'url' or a 'url_file'", None),
    ("notify:\n- url: json://x\nrules: []", 2, "a target has a 'name'", None),
    ("notify:\n- name: a\n  ulr: json://x\nrules: []", 3, "a target has no option 'ulr'", "did you mean 'url'?"),
    ("notify:\n- name: a\n  url: ${NOT_THERE_AT_ALL}\nrules: []", 3, "the environment has no 'NOT_THERE_AT_ALL'", None),
    ("notify:\n- name: a\n  url_file: nowhere\nrules: []", 3, "nowhere cannot be read: No such file", None),
]


@pytest.mark.parametrize(("text", "line", "words", "hint"), WRONG)
def test_what_cannot_be_honoured(tmp_path: Path, text: str, line: int, words: str, hint: str | None) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path, text)
    errors = [error for error in caught.value.errors if words in error.message]
    assert errors, str(caught.value)
    assert errors[0].position is not None
    assert errors[0].position.line == line
    assert errors[0].position.file == str(tmp_path / "alerts.yml")
    assert errors[0].hint == hint or hint is None


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors) as caught:
        read(tmp_path, "delya: 1s\nrules:\n- name: a\n  more_than: x\n- name: b\n  fewer_than: 1\n  within: x")
    assert len(caught.value.errors) == 3


def test_without_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="cannot be read: No such file"):
        read_alerts(tmp_path / "alerts.yml")


def test_syntax_alone_needs_no_environment(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yml"
    file.write_text("page: ${NOPE}\nnotify: [{name: a, url: '${NOPE}'}, {name: b, url_file: nowhere}]\nrules: []")
    assert len(read_alerts(file, syntax_only=True).targets) == 2


@pytest.mark.parametrize(
    ("url", "words", "hint"),
    [
        ("slak://T1JJ3T3L2/A1BRTD4JD", "begins with 'slak://', which apprise does not know", "did you mean 'slack'?"),
        ("slack://T1JJ3T3L2", "the address of 'team'", None),
        ("json://", "begins with 'json://', that has not all parts", None),
        ("nonsense", "has no beginning such as 'slack://'", None),
        ("", "has no beginning such as 'slack://'", None),
    ],
)
def test_an_address_that_is_none(tmp_path: Path, url: str, words: str, hint: str | None) -> None:
    settings = read(tmp_path, f"notify:\n- name: team\n  url: '{url}'\nrules: []")
    with pytest.raises(ConfigErrors) as caught:
        Teller(settings.targets)
    error = caught.value.errors[0]
    assert words in error.message
    assert error.hint == hint
    assert error.position is not None
    assert error.position.line == 3


SECRETS = [
    (
        "jsons://user:p4ssw0rd@hooks.example.com/services/T0KEN/abcdef123?key=sesame-Open",
        ["p4ssw0rd", "abcdef123", "sesame-Open"],
    ),
    ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ["T1JJ3T3L2", "A1BRTD4JD", "TIiajkdnlazkcOXrIdevi7FQ"]),
    ("mailtos://me%40x:p%40ss@example.com", ["p%40ss", "p@ss"]),
    ("tgram://123456789:abcdefg_hijklmnop/12315544/", ["abcdefg_hijklmnop"]),
]


@pytest.mark.parametrize(("url", "hidden"), SECRETS)
@pytest.mark.parametrize("way", ["file", "variable", "url"])
def test_nothing_secret_of_an_address_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, hidden: list[str], way: str
) -> None:
    monkeypatch.setenv("WHERE", url)
    (tmp_path / "where").write_text(url)
    told = {"file": "url_file: where", "variable": "url: '${WHERE}'", "url": f"url: '{url}'"}[way]
    settings = read(tmp_path, f"notify: [{{name: team, {told}}}]\nrules: []")
    assert url not in repr(settings)
    for secret in hidden:
        said = str(ConfigError(f"POST to {url} failed: {secret} was refused"))
        assert secret not in said
        assert secret not in secrets.hidden(f"Max retries exceeded with url: /services/{secret}")
    # What everybody knows is still said.
    assert (
        str(ConfigError("json, slack, mailto, example.com, services")) == "json, slack, mailto, example.com, services"
    )


@given(st.integers(SHORTEST // 1_000, LONGEST // 1_000))
def test_windows_end_often_enough_and_not_too_often(seconds: int) -> None:
    within = seconds * 1_000
    every = usual_every(within)
    assert within % every == 0
    assert every >= min(within, 30_000)
    assert within // every <= 60


def test_a_rule_that_asks_something_else_begins_anew(tmp_path: Path) -> None:
    prints = {
        one(tmp_path, text).fingerprint
        for text in (
            "more_than: 5",
            "more_than: 6",
            "fewer_than: 5",
            "more_than: 5, query: error",
            "more_than: 5, by: service.name",
            "more_than: 5, within: 6m",
            "more_than: 5, index: logs-a",
            "new: error.type",
            "new: problem",
        )
    }
    assert len(prints) == 9
    assert one(tmp_path, "more_than: 5, cool_down: 1h, title: x").fingerprint in prints
