"""A share of the processors for one process, as Lambda gives it: by the kernel's CPU bandwidth control.

Lambda gives a function memory / 1769 processors, and takes the process off them when it has had its share of a short
period. https://docs.kernel.org/scheduler/sched-bwc.html
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Shares"]

_CGROUPS = Path("/sys/fs/cgroup")
_OURS = Path("/proc/self/cgroup")
# As long as Lambda's is said to be; the kernel's own default of 100 ms would let short bursts through.
_PERIOD_US = 20_000
# Before the machine's other work, so many times as important; the kernel's own weights are 1024 and 100.
_PRIORITY = 30


class Shares(NamedTuple):
    """A control group below which groups with a share of the processors can be made."""

    parent: Path
    unified: bool
    """Version 2 of control groups."""

    @classmethod
    def found(cls, root: Path = _CGROUPS, ours: Path = _OURS) -> Shares | None:
        """Where this machine lets us make such groups; None where it does not."""
        for line in ours.read_text().splitlines():
            number, controllers, path = line.split(":", 2)
            unified = number == "0"
            if unified:
                mount = root / "unified" if (root / "unified").is_dir() else root
            elif "cpu" in controllers.split(","):
                mount = root / "cpu"
            else:
                continue
            # In a container the path is that of the host. A group of version 2 with processes in it cannot have
            # groups with limits. In both cases one above it perhaps can.
            group = mount / path.lstrip("/")
            for parent in (group, *group.parents):
                shares = cls(parent, unified=unified)
                with contextlib.suppress(OSError), shares.of(1.0):
                    return shares
                if parent == mount:
                    break
        return None

    @contextlib.contextmanager
    def of(self, processors: float) -> Iterator[Path]:
        """A group that gets so many processors, for the block. Raises OSError where we may not make one."""
        if self.unified:
            enable = self.parent / "cgroup.subtree_control"
            if "cpu" not in enable.read_text().split():
                enable.write_text("+cpu")
        group = self.parent / f"thumbnails-bench-{os.getpid()}-{processors:.3f}"
        group.mkdir()
        quota_us = round(processors * _PERIOD_US)
        try:
            if self.unified:
                (group / "cpu.max").write_text(f"{quota_us} {_PERIOD_US}")
                (group / "cpu.weight").write_text(str(100 * _PRIORITY))
            else:
                (group / "cpu.cfs_period_us").write_text(str(_PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(quota_us))
                (group / "cpu.shares").write_text(str(1024 * _PRIORITY))
            yield group
        finally:
            group.rmdir()
