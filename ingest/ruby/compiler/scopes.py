"""The local variables of a body."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class RubyScope:
    """The local variables of a body; `blank` is what its frame begins with."""

    around: RubyScope | None
    names: dict[str, int] = field(default_factory=dict)
    blank: list[None] = field(default_factory=list)
    loops: int = 0
    is_method: bool = False
    handling: int = 0

    def declare(self, name: str) -> int:
        """Return the place of a variable, which is made if there is none."""
        if name not in self.names:
            self.blank.append(None)
            self.names[name] = len(self.blank)
        return self.names[name]

    def hidden(self) -> int:
        """Make a variable without a name."""
        self.blank.append(None)
        return len(self.blank)

    def find(self, name: str) -> tuple[int, int] | None:
        """Return how many frames further out a variable is, and its place there."""
        depth, scope = 0, self
        while True:
            if name in scope.names:
                return depth, scope.names[name]
            if scope.around is None:
                return None
            depth, scope = depth + 1, scope.around
