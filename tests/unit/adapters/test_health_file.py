"""A service that listens on no port is seen by the file it keeps fresh."""

from __future__ import annotations

from pathlib import Path

import pytest

from keepcool.adapters.system.clock import SystemClock
from keepcool.adapters.system.health import FRESH_MS, HealthFile
from keepcool.core.errors import Unavailable


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A fresh file tells what the service said."""
    file = HealthFile(tmp_path / "x.json", SystemClock())
    file.write({"ready": True})
    assert file.read()["ready"] is True


@pytest.mark.parametrize("content", [None, "", "{", '{"ready": true}'])
def test_silence_is_not_health(tmp_path: Path, content: str | None) -> None:
    """No file, a broken one and one without a time are all a service that does not answer."""
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Unavailable):
        HealthFile(path, SystemClock()).read()


def test_yesterdays_health_is_not_health(tmp_path: Path) -> None:
    """A file that has not been renewed is refused, whatever it says."""
    HealthFile(tmp_path / "x.json", SystemClock(-2 * FRESH_MS)).write({"ready": True})
    with pytest.raises(Unavailable, match="not spoken"):
        HealthFile(tmp_path / "x.json", SystemClock()).read()
