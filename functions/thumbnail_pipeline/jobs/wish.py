"""Which objects a bulk job is about: by their keys, and by what their rows say."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thumbnail_pipeline.reconciliation.judgement import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

EXCLUDED: Final = "excluded"
"""What is counted beside the verdicts: objects whose keys were not asked for."""


@dataclass(frozen=True)
class Wish:
    """Which objects are to be looked at by the function."""

    include: tuple[str, ...] = ()
    """Globs, of which a key must match one; `*` matches slashes too. Empty matches every key."""
    exclude: tuple[str, ...] = ()
    sent: frozenset[Verdict] = frozenset({Verdict.MISSING, Verdict.CHANGED, Verdict.RESTYLED})
    watches: Callable[[str, int], bool] = lambda _key, _size: True
    """Whether the function looks at an object of that key and size at all; see `Settings.watches`."""

    def names(self) -> Callable[[str, int], bool]:
        """Return what tells whether an object is among them, by its key and size."""
        included, excluded = _any_of(self.include), _any_of(self.exclude)

        def named(key: str, size: int) -> bool:
            is_named = (not included or bool(included.match(key))) and not (excluded and excluded.match(key))
            return is_named and self.watches(key, size)

        return named


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    expression = "|".join(map(fnmatch.translate, globs))
    return re.compile(expression) if expression else None
