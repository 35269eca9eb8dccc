"""Lambda SnapStart: what must not be the same in every function that is restored from one snapshot.

That is the state of Python's random numbers, by which the SDK spreads its retries. Nothing else needs care: no
connection is open, for nothing goes over the network before the first invocation; clocks are read within invocations
only; credentials expire by the clock and are then fetched anew; and what has to be unique comes from the kernel.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-uniqueness.html
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def prepare(environment: Mapping[str, str]) -> None:
    """Have Lambda draw new random numbers after each restore, if the function uses SnapStart.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
    """
    if environment.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        # Only the runtimes that know SnapStart have this module.
        from snapshot_restore_py import register_after_restore  # noqa: PLC0415

        register_after_restore(random.seed)
