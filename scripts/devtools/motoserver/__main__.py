"""Apply the acceptance instance to moto's server, and say what of it moto refuses.

Change stream, role alias and saved searches are among it, which the local stack leaves out; CloudFront is not, whose
policies moto does not know.

    python -m devtools.motoserver .venv-moto/bin/python

Ends with 1 where moto refuses something that is not known to be a gap of its own, or takes what is said to be one.
"""

from __future__ import annotations

import re
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devtools.acceptance.instance import Instance
from devtools.acceptance.places import OF_AN_EMULATOR, Place
from devtools.errors import DevtoolsError
from devtools.localaws import emulator, processes, stack
from devtools.localaws.processes import LOOPBACK
from thumbctl import stack as stacks

if TYPE_CHECKING:
    from collections.abc import Mapping

GAPS: Final[Mapping[str, str]] = {
    "aws_cloudwatch_composite_alarm": "it has no PutCompositeAlarm.",
    "aws_cloudwatch_query_definition": "it has no PutQueryDefinition.",
    "aws_xray_group": "it has no CreateGroup of X-Ray.",
}
"""What moto's server is known not to have, by the type of resource: each it answers with 404, or "not implemented"."""

_SERVING: Final = Path(__file__).with_name("serving.py")
_DIRECTORY: Final = stack.REPOSITORY / "build" / "moto"
_TYPE: Final = re.compile(r"\baws_[a-z0-9_]+")
_REFUSED: Final = re.compile(r"^  with (\S+),$", re.MULTILINE)


@dataclass(frozen=True)
class Opinion:
    """What a server made of an instance.

    planned   how many resources it was asked for
    made      how many there are; what needs one that was refused was not asked for
    refused   its words, by the address of what it refused
    """

    planned: int
    made: int
    refused: Mapping[str, str]


def second_opinion(python: str, directory: Path) -> Opinion:
    """Apply an instance to a server that `python` runs: what it made of it, and what it refused, with its words.

    Raises DevtoolsError where the server does not start.
    """
    port, log = processes.free_port(), directory / "server.log"
    url = f"http://{LOOPBACK}:{port}"
    server = processes.start([python, str(_SERVING), str(port)], log=log, environment={})
    try:
        processes.wait_until_it_answers(
            server, lambda: urllib.request.urlopen(f"{url}/moto-api/data.json").close(), within=30, name="moto", log=log
        )
        place = Place(
            account="123456789012",
            region=emulator.REGION,
            session={**emulator.ROOT_CREDENTIALS, "AWS_REGION": emulator.REGION, "AWS_ENDPOINT_URL": url},
            client=stacks.clients(region_name=emulator.REGION, endpoint_url=url),
            archives=stack.ARCHIVES,
            # Nearly everything would wait for the template by which devices are provisioned, which moto refuses.
            override={"provider": {"aws": OF_AN_EMULATOR}, "module": {"pipeline": {"devices": {"role_alias": True}}}},
            endpoint_url=url,
        )
        with Instance.at(place, "acceptance", directory).ready() as instance:
            with stack.step("terraform plan", usually=10):
                planned = instance.plan()
            refused: dict[str, str] = {}
            with stack.step("terraform apply", usually=60):
                try:
                    instance.apply()
                except DevtoolsError as error:
                    refused = _refused(str(error))
            made = [each for each in instance.root.run("state", "list").splitlines() if ".data." not in f".{each}"]
            return Opinion(planned, len(made), refused)
    finally:
        server.stop()


def _refused(complaints: str) -> dict[str, str]:
    """What Terraform complains of, by address: each begins with `Error: ` and the words of whoever answered."""
    each = [complaint.strip() for complaint in complaints.split("Error: ")[1:]]
    return {found[1]: complaint.splitlines()[0] for complaint in each if (found := _REFUSED.search(complaint))}


def report(found: Opinion, gaps: Mapping[str, str] = GAPS) -> tuple[int, list[str]]:
    """Return the exit code, and what to tell a person."""
    kinds = {address: _TYPE.findall(address)[-1] for address in found.refused}
    lines = [f"moto's server made {found.made} of {found.planned} resources, and refused {len(found.refused)}."]
    lines += [f"A gap of moto's, {kind}: {why}" for kind, why in gaps.items() if kind in kinds.values()]
    new = [f"Refused: {address}: {found.refused[address]}" for address, kind in kinds.items() if kind not in gaps]
    closed = [f"No gap any more, to be taken off the list: {kind}" for kind in gaps if kind not in kinds.values()]
    return int(bool(new or closed)), [*lines, *new, *closed]


def main(python: str) -> int:
    """Say it to a person, and return the exit code."""
    _DIRECTORY.mkdir(parents=True, exist_ok=True)
    for state in _DIRECTORY.glob("terraform.tfstate*"):
        state.unlink()
    code, lines = report(second_opinion(python, _DIRECTORY))
    sys.stdout.write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
