"""`links.yml` in the data folder: links out of an event, to a tracing system or a source repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import yaml

from sawlog.errors import ConfigError, ConfigErrors, Position, nearest

NAME: Final = "links.yml"
KEYS: Final = ("title", "field", "url")


def read_links(folder: Path) -> list[dict[str, str]]:
    """Read the file of a data folder, a list of ``{title, field, url}``; none is as an empty one.

    Raises:
        ConfigErrors: something in it cannot be honoured; with file, line and the nearest known name.
    """
    file = folder / NAME
    try:
        root = yaml.compose(file.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigErrors([ConfigError(f"cannot be read: {error}", _at(file, error))]) from None
    if root is None:
        return []
    errors: list[ConfigError] = []
    if not isinstance(root, yaml.SequenceNode):
        raise ConfigErrors([ConfigError("links are a list", _at(file, root))])
    links = [_link(one, file, errors) for one in root.value]
    if errors:
        raise ConfigErrors(errors)
    return links


def _link(node: yaml.Node, file: Path, errors: list[ConfigError]) -> dict[str, str]:
    if not isinstance(node, yaml.MappingNode):
        errors.append(ConfigError(f"a link has {', '.join(KEYS)}", _at(file, node)))
        return {}
    link = {}
    for key, value in node.value:
        name = str(key.value)
        if name not in KEYS:
            message = f"a link has no '{name[:60]}'; it has {', '.join(KEYS)}"
            errors.append(ConfigError(message, _at(file, key), nearest(name, KEYS)))
        elif not isinstance(value, yaml.ScalarNode):
            errors.append(ConfigError(f"the '{name}' of a link is a text", _at(file, value)))
        link[name] = str(value.value)
    if missing := [name for name in KEYS if name not in link]:
        errors.append(ConfigError(f"the link has no '{missing[0]}'", _at(file, node)))
    return link


def _at(file: Path, of: Any) -> Position:
    mark = getattr(of, "start_mark", None) or getattr(of, "problem_mark", None)
    return Position(str(file), mark.line + 1, mark.column + 1) if mark else Position(str(file), 1)
