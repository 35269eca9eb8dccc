"""thumbctl import, as a process of its own, against what is really deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.imports import accounted, importer, is_corrupt, picture
from devtools.localaws import faults
from support.deployment import eventually
from support.pictures import picture as plain

if TYPE_CHECKING:
    from pathlib import Path

    from support.deployment import Deployment

pytestmark = pytest.mark.e2e

NUMBER = 240


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Images of all kinds, some of which fail."""
    for number in range(NUMBER):
        name, data = picture(number)
        file = tmp_path / "album" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return tmp_path / "album"


def test_killed_three_times_every_image_is_accounted_for(deployment: Deployment, album: Path) -> None:
    bucket, watched = deployment.outputs["source_bucket"], deployment.outputs["source_prefix"]
    prefix = f"{watched}imported/"
    with importer(deployment.stack) as imported:
        before = len(imported.objects())
        arguments = (album, f"s3://{bucket}/{prefix}", "--follow", "--yes")
        stops = [imported.kill_when(before + goal, *arguments, "--rate", "10") - before for goal in (40, 90, 150)]
        assert stops == sorted(set(stops)), "each run got further"
        assert stops[-1] < NUMBER
        code, documents, complaints = imported.run(*arguments)
        expected = {f"{prefix}{picture(number)[0]}": is_corrupt(number) for number in range(NUMBER)}
        assert accounted(imported, prefix, expected) == []
    corrupt = sum(expected.values())
    assert (code, complaints) == (1, "")
    assert documents[-1]["state"] == "finished"
    assert documents[-1]["uploaded"] + documents[-1]["already_there"] == NUMBER
    assert documents[-1]["uploaded"] <= NUMBER - stops[-1]
    images = documents[-1]["images"]
    assert sum(each["images"] for each in images if each["outcome"] == "READY") == NUMBER - corrupt
    assert sum(each["images"] for each in images if each["outcome"] == "FAILED") == corrupt
    assert {each["key"] for each in documents if each["state"] == "failed"} == {
        key for key, fails in expected.items() if fails
    }


def test_keys_of_all_kinds_get_thumbnails(deployment: Deployment, tmp_path: Path) -> None:
    names = ["a b.jpg", "red+flower.jpg", "50%25.jpg", "ü/日本 é.jpg", "x~y!'()&=;:@,#.jpg", "UPPER.JPG"]
    for index, name in enumerate(names):
        file = tmp_path / "names" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(plain(size=(40 + index, 30), image_format="JPEG"))
    prefix = f"{deployment.outputs['source_prefix']}names/"
    with importer(deployment.stack) as imported:
        destination = f"s3://{deployment.outputs['source_bucket']}/{prefix}"
        code, documents, complaints = imported.run(tmp_path / "names", destination, "--follow", "--yes")
        assert (code, complaints, documents[-1]["uploaded"]) == (0, "", len(names))
        assert accounted(imported, prefix, {f"{prefix}{name}": False for name in names}) == []


def test_expired_credentials_stop_it_and_the_next_run_goes_on(
    deployment: Deployment, album: Path, tmp_path: Path
) -> None:
    prefix = f"{deployment.outputs['source_prefix']}expired/"
    arguments = (album, f"s3://{deployment.outputs['source_bucket']}/{prefix}", "--yes")
    proxy = faults.start(deployment.stack.endpoint_url, tmp_path)
    try:
        with importer(deployment.stack, proxy.endpoint_url) as imported:
            process = imported.start(*arguments, "--rate", "60")
            eventually("some are uploaded", lambda: sum(key.startswith(prefix) for key in imported.objects()) > 30)
            error = {"code": "ExpiredToken", "status": 400, "message": "The provided token has expired."}
            proxy.fail([{"service": "s3", "operation": "PutObject", "probability": 1, "error": error}])
            _, complaints = process.communicate(timeout=60)
            sentence = "The credentials have expired: log in again, for example with 'aws sso login'.\n"
            assert (process.returncode, complaints) == (2, sentence)
            stored = {key for key in imported.objects() if key.startswith(prefix)}
            assert 30 < len(stored) < NUMBER
            proxy.fail([])
            code, documents, complaints = imported.run(*arguments)
            assert (code, complaints) == (0, "")
            assert (documents[-1]["uploaded"], documents[-1]["already_there"]) == (NUMBER - len(stored), len(stored))
            versions = imported.versions()
            assert {versions[f"{prefix}{picture(number)[0]}"] for number in range(NUMBER)} == {1}
    finally:
        proxy.process.stop()
