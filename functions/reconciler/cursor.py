"""How far a pass has come, from one invocation to the next: JSON in a parameter of SSM."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from thumbnail_pipeline.reconciliation.findings import PassTally

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_NOWHERE = "{}"


@dataclass(frozen=True)
class Cursor:
    """Where a pass goes on, and what it has counted so far."""

    after: str = ""
    """A place (see `alignment.Sight`); empty at the beginning."""
    tally: PassTally = field(default_factory=PassTally)


class CursorParameter:
    """The parameter that holds the cursor. Terraform makes it with `{}`; one invocation at a time may use it.

    Its 4 KB hold any place at which a walk can go on, three bytes for each of it at most.
    https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html

    parameter = CursorParameter(ssm, name, settings.fingerprint, prefix="photos/")
    parameter.write(Cursor("photos/m.jpg", tally))
    parameter.read().after
    """

    def __init__(self, ssm: SSMClient, name: str, settings_fingerprint: str, prefix: str) -> None:
        self._ssm = ssm
        self._name = name
        # Keys are quoted or hashed, for SSM takes {{…}} in a value for another parameter's name, and refuses it.
        self._about = {"settings": settings_fingerprint, "prefix": sha256(prefix.encode()).hexdigest()[:16]}

    def read(self) -> Cursor:
        """Return where to go on: at the beginning if the last pass is over, or had other settings or another prefix.

        So it is if the parameter holds anything but a cursor.
        """
        value = self._ssm.get_parameter(Name=self._name)["Parameter"]["Value"]
        try:
            document = json.loads(value)
            if any(document[name] != expected for name, expected in self._about.items()):
                return Cursor()
            return Cursor(unquote(document["place"], errors="strict"), PassTally.from_json(document["tally"]))
        except (ValueError, LookupError, TypeError, AttributeError):
            return Cursor()

    def write(self, cursor: Cursor) -> None:
        """Let the next invocation go on at `cursor`."""
        self._put(json.dumps({**self._about, "place": quote(cursor.after), "tally": cursor.tally.as_json()}))

    def clear(self) -> None:
        """Let the next invocation begin anew."""
        self._put(_NOWHERE)

    def _put(self, value: str) -> None:
        self._ssm.put_parameter(Name=self._name, Value=value, Type="String", Overwrite=True)
