"""The inputs of one container: of the templates whose conditions hold, or else of its hints."""

from __future__ import annotations

import logging
from dataclasses import replace

from sawlog.errors import Position
from sawlog.yaml_tree import Entry, Mapping, Scalar, Sequence, Tree
from shipper.autodiscover.discovered import Discovered
from shipper.autodiscover.hints import hints_of, with_hints
from shipper.config.autodiscover import read_discovered
from shipper.config.inputs import CommonFields
from shipper.containers.labels import merged
from shipper.settings import AutodiscoverProvider, Config, FileInput

log = logging.getLogger(__name__)


def inputs_for(provider: AutodiscoverProvider, config: Config, found: Discovered) -> list[FileInput]:
    """Return the inputs that a container asks for, each with what is known of the container in its fields.

    Raises:
        ConfigError: or `ConfigErrors`, what is wrong with them.
    """
    wanted = [one.config for one in provider.templates if one.condition is None or one.condition(found.data)]
    trees = [item for tree in wanted for item in tree.items]
    if not trees and provider.hints:
        trees = _hinted(provider, found)
    if not trees:
        return []
    common = CommonFields(dict(config.fields), config.tags)
    inputs = read_discovered(Sequence(trees, trees[0].position), common, found.data)
    return [replace(one, fields=merged(found.meta, one.fields)) for one in inputs]


def _hinted(provider: AutodiscoverProvider, found: Discovered) -> list[Tree]:
    hints = hints_of(found.hints, found.container, provider.prefix)
    for problem in hints.problems:
        log.warning("the container %s: %s", found.name, problem)
    if hints.enabled is False or (hints.enabled is None and not provider.default_enabled):
        return []
    return [with_hints(provider.default_config or _default(found), hints, found.name)]


def _default(found: Discovered) -> Mapping:
    """Return what Filebeat starts from, too: an input of type container that reads the container's log."""
    at = Position(f"container {found.name}", 1)
    paths = Sequence([Scalar(path, False, at) for path in found.paths], at)
    kind = Scalar("container", True, at)
    return Mapping({"type": Entry("type", at, kind), "paths": Entry("paths", at, paths)}, at)
