"""`thumbctl devices list`, `add`, `revoke` and `show`: which devices may upload, from the first day to the last."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from botocore.exceptions import BotoCoreError, ClientError

from thumbctl import stack as stacks
from thumbctl.aws_errors import sentence
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    StackOption,
    YesOption,
    ask,
    complain,
    console,
    counted,
    write_json,
)
from thumbctl.devices import adding, revoking, showing
from thumbctl.devices.kit import broker_of
from thumbctl.devices.registry import devices_of, is_certificate, registry_of, state_of
from thumbctl.devices.revoking import Connection
from thumbctl.errors import ThumbctlError
from thumbctl.interrupts import terminate_as_interrupt
from thumbctl.terminal import plain_table
from thumbctl.words import bytes_in_words
from thumbnail_pipeline.rows import iso
from thumbnail_pipeline.things import THING_NAME, key_of_thing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from thumbctl.devices.registry import Certificate, Registry, Thing
    from thumbctl.devices.showing import SeenImage, Used
    from thumbctl.looking.failed import Failed

__all__ = ["app"]

# In a table that people read; --limit shows more.
_SCREENFUL: Final = 100
# AWS IoT answers ten calls a second of a kind, unless one's quota was raised.
_AT_A_TIME: Final = 4
_CREDENTIALS_MINUTES: Final = 15

_NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The device's name: that of its thing.")]

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


@app.callback()
def devices() -> None:
    """Say which devices may upload by themselves, and see what they did."""


# ── list ─────────────────────────────────────────────────────────────────────────────────────────────


@app.command("list")
def list_devices(
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Only N devices. Without it: 100 in a table, and all of them otherwise."),
    ] = None,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the devices, and whether each has a certificate that lets it in.

    `active`: it can connect; `inactive`: none of its certificates is active; `waiting`: it has none, and waits for its
    claim. They come in the order of AWS's registry, with two calls for each.

    Examples:

        # The first hundred
        thumbctl devices list --stack photos

        # All that wait for their claim
        thumbctl devices list --stack photos --json | jq -r 'select(.state == "waiting").thing'
    """
    found = stacks.find(stack)
    registry = registry_of(found)
    # One more shows whether there are more.
    wanted = limit if as_json else (limit or _SCREENFUL)
    listed = _with_certificates(registry, None if wanted is None else wanted + (not as_json))
    if as_json:
        write_json(_as_json(thing, certificates) for thing, certificates in listed)
        return
    shown = list(listed)
    if not shown:
        console().print("There is no device: see 'thumbctl devices add'.")
        return
    table = plain_table("Device", "State", "Certificates", "Since", title=found.title)
    for thing, certificates in shown[:wanted]:
        statuses = ", ".join(each.status for each in certificates)
        table.add_row(thing.name, state_of(certificates), statuses, _since(thing, certificates))
    console().print(table)
    if wanted is not None and len(shown) > wanted:
        console().print(f"These are {wanted:,}: there are more, see --limit.")


def _with_certificates(registry: Registry, most: int | None) -> Iterator[tuple[Thing, list[Certificate]]]:
    """Yield devices with what they have, looking at a few of them at a time and no further than it is asked."""
    things = itertools.islice(registry.things(), most)
    with ThreadPoolExecutor(_AT_A_TIME) as threads:
        while some := list(itertools.islice(things, _AT_A_TIME)):
            yield from zip(some, threads.map(lambda thing: registry.certificates(thing.name), some), strict=True)


def _as_json(thing: Thing, certificates: Sequence[Certificate]) -> dict[str, Any]:
    return {
        "thing": thing.name,
        "state": state_of(certificates),
        "added_at": thing.added_at,
        "certificates": [
            {"id": each.certificate_id, "status": each.status, "created_at": _moment(each.created_at)}
            for each in certificates
        ],
    }


def _since(thing: Thing, certificates: Sequence[Certificate]) -> str:
    return _moment(certificates[0].created_at) if certificates else thing.added_at or ""


def _moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="seconds")


# ── add ──────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def add(
    name: _NameArgument,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            file_okay=False,
            metavar="DIRECTORY",
            help="Where key, certificate and configuration are written, and nowhere else.",
        ),
    ] = None,
    csr: Annotated[
        Path | None,
        typer.Option(
            "--csr",
            dir_okay=False,
            metavar="FILE",
            help="The device's certificate signing request, as PEM: then its key is made there, and stays there.",
        ),
    ] = None,
    by_claim: Annotated[
        bool,
        typer.Option("--by-claim", help="Let a device in that has the claim certificate and calls itself NAME, once."),
    ] = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add a device that may upload, with a certificate of its own.

    AWS tells a private key once. It is written into a new file that only you can read, and is neither printed nor
    logged: bring the directory to the device, and delete it here. Nothing that exists is overwritten.

    The certificate becomes active when all else is done. Where it cannot be done, or at Ctrl-C, everything is taken
    back, and what could not be is told. A thing of that name that has no certificate yet is given one.

    Examples:

        # A key and a certificate, for a device that has none
        thumbctl devices add camera-7 --to camera-7 --stack photos

        # For a device that made its own key
        thumbctl devices add camera-7 --csr camera-7.csr --to camera-7 --stack photos

        # For a device that comes with a claim certificate
        thumbctl devices add camera-7 --by-claim --stack photos
    """
    if not THING_NAME.fullmatch(name):
        raise typer.BadParameter(
            f"{name!r} can be no thing's name: use up to 128 letters, digits, colons, hyphens and underscores",
            param_hint="NAME",
        )
    if (to is None) != by_claim:
        raise typer.BadParameter("say with --to where its files go, or --by-claim", param_hint="--to")
    if csr is not None and by_claim:
        raise typer.BadParameter("with --by-claim, the device asks for its certificate itself", param_hint="--csr")
    request = None if csr is None else _request(csr)
    found = stacks.find(stack)
    output = devices_of(found)
    registry = registry_of(found)
    try:
        with terminate_as_interrupt():
            if to is None:
                _add_by_claim(registry, output, name, as_json=as_json)
                return
            broker = broker_of(found, output["endpoint"])
            added = adding.add(registry, name, to, broker, output["topic_prefix"], request)
    except adding.NotAddedError as error:
        if not error.interrupted:
            raise
        complain(str(error))
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    if as_json:
        write_json([{"state": "added", "thing": name, "certificate": added.certificate_id, "files": added.files}])
        return
    console().print(f"{name} is added, with the certificate {added.certificate_id}.", soft_wrap=True)
    for file in added.files:
        console().print(f"  {file}", soft_wrap=True)
    if request is None:
        console().print("The key is there and nowhere else: bring it to the device, and delete it here.")


def _request(file: Path) -> str:
    try:
        text = file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no PEM"
        raise ThumbctlError(f"{file} cannot be read ({why}): correct --csr.") from None
    if "PRIVATE KEY-----" in text:
        raise ThumbctlError(f"{file} holds a private key, which must not leave the device: send its request alone.")
    if "CERTIFICATE REQUEST-----" not in text:
        raise ThumbctlError(
            f"{file} is no certificate signing request in PEM: make one with 'openssl req -new -key … -subj /CN=…'."
        )
    return text


def _add_by_claim(registry: Registry, output: Mapping[str, Any], name: str, *, as_json: bool) -> None:
    template = output["provisioning_template"]
    if template is None:
        raise ThumbctlError(
            "The stack takes no devices by claim: give the module's input 'devices.provisioning', or use --to."
        )
    adding.add_by_claim(registry, name)
    if as_json:
        write_json([{"state": "waiting", "thing": name, "provisioning_template": template}])
    else:
        console().print(
            f"{name} waits for its claim: whoever has the claim certificate and is first to provision itself by that"
            f" name with the template {template} is it.",
            soft_wrap=True,
        )


# ── revoke ───────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def revoke(name: _NameArgument, yes: YesOption = False, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Let a device in no more: revoke its certificates for good, end its connection, and delete its thing.

    Neither it nor anybody with a claim certificate can come back by that name unless it is added again. Its images
    stay. An address for an upload that it has can be used until it runs out.

    The same command goes on after an interruption. Exit code 130: interrupted.

    Examples:

        # A camera was stolen
        thumbctl devices revoke camera-7 --stack photos

        # Without being asked
        thumbctl devices revoke camera-7 --stack photos --yes
    """
    found = stacks.find(stack)
    output = devices_of(found)
    registry = registry_of(found)
    thing = registry.require(name)
    ask(_question(registry, name), yes=yes)
    now = datetime.now(UTC)
    try:
        with terminate_as_interrupt():
            connection = revoking.revoke(registry, found.client("iot-data"), thing)
    except KeyboardInterrupt:
        complain(f"Interrupted: 'thumbctl devices revoke {name}' goes on where this one stopped.")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except (ClientError, BotoCoreError) as error:
        raise ThumbctlError(
            f"{sentence(error).rstrip('.')}. What is done stays done, and 'thumbctl devices revoke {name}' goes on."
        ) from None
    minutes = int(output["url_minutes"])
    prefix = key_of_thing(found.outputs["source_prefix"], name)
    if as_json:
        document = {
            "state": "revoked",
            "thing": name,
            "connection": connection,
            "uploads_until": iso(now + timedelta(minutes=minutes)),
            "credentials_until": iso(now + timedelta(minutes=_CREDENTIALS_MINUTES)) if output["role_alias"] else None,
            "images": f"s3://{found.outputs['source_bucket']}/{prefix}",
        }
        write_json([document])
        return
    told = {
        Connection.ENDED: "its connection is ended",
        Connection.NONE: "it was not connected",
        Connection.LEFT: "AWS ends its connection within some minutes",
    }
    out = console()
    out.print(f"{name} is revoked, and {told[connection]}.", soft_wrap=True)
    out.print(f"An address for an upload that it has is good for {counted(minutes, 'minute')} at most.")
    if output["role_alias"]:
        out.print(f"Credentials that it has by the role alias are good for {_CREDENTIALS_MINUTES} minutes at most.")
    out.print(f"Its images stay: s3://{found.outputs['source_bucket']}/{prefix}", soft_wrap=True)


def _question(registry: Registry, name: str) -> str:
    principals = registry.principals(name)
    shared = sorted({each for principal in principals for each in registry.things_of(principal)} - {name})
    with_it = f" {', '.join(shared)} have the same certificate, and cannot connect any more either." if shared else ""
    number = counted(sum(map(is_certificate, principals)), "certificate")
    return f"Revoke {name} with {number} for good?{with_it}"


# ── show ─────────────────────────────────────────────────────────────────────────────────────────────


@app.command()
def show(name: _NameArgument, stack: StackOption = None, as_json: JsonOption = False) -> None:
    """Show a device: its certificates, how much it has asked for today, its newest images, and what failed.

    Of a device with more than ten thousand images, the newest of the first ten thousand by key are shown.

    Examples:

        # One device
        thumbctl devices show camera-7 --stack photos

        # For a script
        thumbctl devices show camera-7 --stack photos --json
    """
    found = stacks.find(stack)
    output = devices_of(found)
    registry = registry_of(found)
    thing = registry.require(name)
    certificates = registry.certificates(name)
    prefix = key_of_thing(found.outputs["source_prefix"], name)
    used = showing.used_today(found, output["asks_table_name"], name)
    images, number = showing.newest_images(found, prefix)
    failed = showing.failures_of(found, prefix)
    limits = output["limits"]
    if as_json:
        document = {
            **_as_json(thing, certificates),
            "used": asdict(used),
            "limits": {each: limits[each] for each in ("bytes_a_day", "asks_a_minute")},
            "images": number,
            "newest": [
                {**asdict(each), "uploaded_at": each.uploaded_at and _moment(each.uploaded_at)} for each in images
            ],
            "failures": [asdict(each) for each in failed],
        }
        write_json([document])
        return
    _show(registry, thing, certificates, used, limits)
    _show_images(prefix, images, number, failed)


def _show(
    registry: Registry, thing: Thing, certificates: Sequence[Certificate], used: Used, limits: Mapping[str, Any]
) -> None:
    out = console()
    out.print(f"{thing.name}: {state_of(certificates)}", style="bold")
    if registry.is_being_revoked(thing):
        out.print(f"Its revocation was interrupted: 'thumbctl devices revoke {thing.name}' goes on.")
    table = plain_table("Certificate", "Status", "Since")
    for each in certificates:
        table.add_row(each.certificate_id, each.status, _moment(each.created_at))
    if certificates:
        out.print(table)
    out.print(
        f"Asked for today: {bytes_in_words(used.bytes_today)} of {bytes_in_words(int(limits['bytes_a_day']))}; this"
        f" minute: {used.asks_this_minute:,} of {counted(int(limits['asks_a_minute']), 'upload')}.",
        soft_wrap=True,
    )


def _show_images(prefix: str, images: Sequence[SeenImage], number: int, failed: Sequence[Failed]) -> None:
    out = console()
    if not images:
        out.print("It has no images.")
        return
    more = f"more than {number:,}" if number == showing.MOST_LISTED else f"{number:,}"
    table = plain_table("Uploaded", "Image", "Bytes", "Became", title=f"Newest of {more}", right=("Bytes",))
    for each in images:
        became = " ".join(filter(None, (each.status or "not decided", each.reason)))
        uploaded = _moment(each.uploaded_at) if each.uploaded_at else ""
        table.add_row(uploaded, each.key.removeprefix(prefix), f"{each.bytes:,}", became)
    out.print(table)
    if failed:
        table = plain_table("Failed at", "Reason", "Image", "Detail", title="Newest failures")
        for failure in failed:
            table.add_row(failure.failed_at, failure.reason, failure.key.removeprefix(prefix), failure.detail)
        out.print(table)
        out.print(f"All of them: thumbctl failures --key '{prefix}*'", soft_wrap=True)
