"""Broken bytes: whatever comes, `render` returns or raises Permanent. `make fuzz` runs the same for longer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from renderer.pictures import settings
from thumbnail_pipeline.errors import Permanent
from thumbnail_pipeline.renderer.rendering import render

REASONS = {
    "READY", "empty", "too-large", "unidentified", "unsupported-format", "too-many-pixels", "too-many-frames",
    "too-many-scans", "truncated", "corrupt", "out-of-memory",
}  # fmt: skip
STARTS = [
    b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a", b"RIFF\x40\0\0\0WEBPVP8 ", b"II*\0\x08\0\0\0",
    b"MM\0*\0\0\0\x08", b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", b"\0\0\0\x1cftypavif", b"\0\0\0\x1cftypheic", b"",
]  # fmt: skip


@given(start=st.sampled_from(STARTS), rest=st.binary(max_size=300), render_rest=st.booleans())
@hypothesis_settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_noise_behind_a_good_beginning(start: bytes, rest: bytes, *, render_rest: bool) -> None:
    policy = "render" if render_rest else "fail"
    reason = "READY"
    try:
        render(start + rest, settings({"width": 16, "height": 16}, truncated=policy))
    except Permanent as error:
        reason = error.reason
    assert reason in REASONS


def test_broken_files_break_nothing_else(tmp_path: Path) -> None:
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("the high-water mark of memory can only be reset on Linux")
    command = [sys.executable, "-W", "ignore", "-m", "renderer.fuzz", "--child", "--seed", "7", "--cases", "900"]
    path = os.pathsep.join(str(Path(each).resolve()) for each in sys.path if each)
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    counts = {reason: int(count) for count, reason in (line.split() for line in done.stdout.splitlines())}
    assert set(counts) <= REASONS
    assert sum(counts.values()) == 900
    assert min(counts["READY"], counts["corrupt"], counts["truncated"]) > 20
