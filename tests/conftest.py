"""For every suite."""

from __future__ import annotations

from aws_xray_sdk.core import xray_recorder


def pytest_unconfigure() -> None:
    """Close the socket that the X-Ray SDK opens on import and never closes: warnings are errors here."""
    xray_recorder.emitter._socket.close()  # type: ignore[attr-defined]
