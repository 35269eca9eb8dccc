"""Dead letters in a file, so that deleting them can be undone: one JSON object a line."""

from __future__ import annotations

import base64
import json
import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

from thumbctl.bulk import journal
from thumbctl.dead_letters.letters import Letter
from thumbctl.errors import ThumbctlError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import BinaryIO, Self

    from thumbctl.dead_letters.letters import DeadLetters, Selection


class Backup:
    """A file that is made when there is something to put into it, and never written over; for a `with` block."""

    def __init__(self, file: Path) -> None:
        """Raises ThumbctlError where there is such a file."""
        self._path = file
        self._file: BinaryIO | None = None
        if file.exists():
            raise self._in_the_way()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def keep(self, letters: Sequence[Letter]) -> None:
        """Write letters so that they are there after a power cut. Raises ThumbctlError where that cannot be done."""
        try:
            if self._file is None:
                if self._path.parent == journal.folder():
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("xb")
                _sync_folder(self._path)
            self._file.write(b"".join(map(_line, letters)))
            self._file.flush()
            os.fsync(self._file.fileno())
        except FileExistsError:
            raise self._in_the_way() from None
        except OSError as error:
            raise ThumbctlError(
                f"{self._path} cannot be written ({error.strerror}): name another file. Only letters that are in it"
                " were deleted."
            ) from None

    def _in_the_way(self) -> ThumbctlError:
        return ThumbctlError(f"There is a file {self._path}, which may be a backup: name another one.")


def purge(letters: DeadLetters, selection: Selection, backup: Backup) -> Iterator[tuple[Letter, bool]]:
    """Delete the selected letters, each when it is in `backup`; yield each, and whether it is gone.

    Not by PurgeQueue, which would also delete what nobody has looked at.
    """
    for page in letters.pages():
        chosen = [letter for letter in page if letter in selection]
        if chosen:
            backup.keep(chosen)
            left = {letter.message_id for letter in letters.delete(chosen)}
            yield from ((letter, letter.message_id not in left) for letter in chosen)


def read(file: Path) -> Iterator[Letter]:
    """Yield the letters of a backup. Raises ThumbctlError where the file is none.

    A last line without an end was being written when the power went, so its letter was not deleted.
    """
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    return
                try:
                    yield _read(json.loads(line))
                except (ValueError, LookupError, TypeError, AttributeError):
                    raise ThumbctlError(
                        f"{file} is no backup of dead letters, for its line {number} is none: name a file that"
                        " 'thumbctl dlq purge' wrote."
                    ) from None
    except OSError as error:
        raise ThumbctlError(f"{file} cannot be read ({error.strerror}): correct its name.") from None


def _line(letter: Letter) -> bytes:
    attributes = {
        name: {**value, "BinaryValue": base64.b64encode(value["BinaryValue"]).decode()}
        if "BinaryValue" in value
        else value
        for name, value in letter.attributes.items()
    }
    document = {
        "message_id": letter.message_id,
        "sent_at": letter.sent_at.isoformat(),
        "received": letter.received,
        "source_arn": letter.source_arn,
        "attributes": attributes,
        "body": letter.body,
    }
    return json.dumps(document).encode() + b"\n"


def _read(document: Mapping[str, Any]) -> Letter:
    return Letter(
        message_id=document["message_id"],
        body=document["body"],
        sent_at=datetime.fromisoformat(document["sent_at"]),
        received=int(document["received"]),
        source_arn=document["source_arn"],
        attributes={name: _attribute(value) for name, value in document["attributes"].items()},
    )


def _attribute(value: Mapping[str, Any]) -> dict[str, Any]:
    return {**value, "BinaryValue": base64.b64decode(value["BinaryValue"])} if "BinaryValue" in value else dict(value)


def _sync_folder(file: Path) -> None:
    """A new file is only there after a power cut when its folder has been written as well."""
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
