"""The ordering rule: which of two events of one key is the newer.

S3 delivers events late, twice and in any order. It gives each event of one key a `sequencer`, hex text of
varying length; of two, the shorter is padded with zeros on the right and then the greater is the newer.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

from __future__ import annotations

import enum
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from thumbnail_pipeline.rows import Row

# Padded to one width on arrival, so that DynamoDB's own string order is event order in conditions too.
# S3 documents no maximum; today's values have 16 to 18 digits.
_WIDTH = 64
_HEX = re.compile(rf"[0-9A-Fa-f]{{1,{_WIDTH}}}")

LOWEST = "0" * _WIDTH
"""The sequencer of a message that has none, such as a backfill's: below that of every real event."""


def normalise(sequencer: str) -> str:
    """Return `sequencer` in the form whose plain string order is event order.

    Upper case, because S3 notifications and EventBridge differ in case. Raises ValueError for anything
    that is not hex text.
    """
    if not _HEX.fullmatch(sequencer):
        raise ValueError(f"{sequencer!r} is no sequencer: S3 sends up to {_WIDTH} hex digits")
    return sequencer.upper().ljust(_WIDTH, "0")


class Order(enum.Enum):
    """How an event stands to what its catalog row has seen."""

    NEWER = "newer"
    """The event is newer than all that was applied: apply it."""
    SAME = "same"
    """This very event has been applied already."""
    STALE = "stale"
    """A newer event has been applied, or is being applied and will be retried until it is."""


def compare(sequencer: str, row: Row | None) -> Order:
    """Compare an event's normalised `sequencer` with the catalog `row` of its image; None where it has none."""
    if row is None:
        return Order.NEWER
    if sequencer < row.claim:
        return Order.STALE
    return Order.SAME if sequencer == row.sequencer else Order.NEWER
