"""`thumbctl users forget`: delete what there is of one user of the API, and say what is left where."""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from thumbctl import stack as stacks
from thumbctl.backfill.enqueue import patient
from thumbctl.conventions import (
    ExitCode,
    JsonOption,
    StackOption,
    YesOption,
    ask,
    complain,
    console,
    counted,
    progress,
    write_json,
)
from thumbctl.errors import ThumbctlError
from thumbctl.interrupts import terminate_as_interrupt
from thumbctl.terminal import plain_table
from thumbctl.users.forgetting import Forgotten, UsersThings
from thumbctl.users.left import left
from thumbctl.words import bytes_in_words
from thumbnail_pipeline.users import key_of_user, owner_of

if TYPE_CHECKING:
    from thumbctl.stack import Stack
    from thumbctl.users.forgetting import Held

__all__ = ["app"]

# https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html
_POOLS: Final = "https://cognito-idp."

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode="markdown")


class _State(StrEnum):
    LOOKED = "looked"
    FINISHED = "finished"
    INTERRUPTED = "interrupted"


@app.callback()
def users() -> None:
    """Delete what there is of a user of the API."""


@app.command()
def forget(
    subject: Annotated[
        str, typer.Argument(metavar="SUB", help="The user's `sub`, as it is in their tokens: no name, no address.")
    ],
    issuer: Annotated[
        str | None,
        typer.Option(
            "--issuer",
            metavar="URL",
            help="Whose tokens they had, as `iss` in them, if that is not the issuer that the API takes now.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing; only say what there is.")] = False,
    yes: YesOption = False,
    stack: StackOption = None,
    as_json: JsonOption = False,
) -> None:
    """Delete a user's images for good, in all their versions, with thumbnails and asks; and say what is left where.

    Nobody tells the pipeline that a user was deleted. Delete or disable them where they sign in, and then do this. An
    access token that they have is good until it expires, and so is an address that an upload was granted: do it once
    more after both.

    Rows of the catalog are marked deleted by the pipeline, when S3 tells it of the deletion; with
    `propagate_deletions = false` S3 does not, and they are deleted here. The same command goes on after an
    interruption, and finds nothing where all is done.

    Exit code 1: S3 refuses to delete something, or an address for an upload is still good; 130: interrupted.

    Examples:

        # What there is of somebody
        thumbctl users forget 1111aaaa-2222-4333-8444-555555555555 --stack photos --dry-run

        # Delete it, without being asked
        thumbctl users forget 1111aaaa-2222-4333-8444-555555555555 --stack photos --yes

        # Somebody of an issuer whose tokens the API took once
        thumbctl users forget auth0-1234 --issuer https://login.example.com/ --stack photos
    """
    found = stacks.find(stack)
    things = _things(found, subject, issuer)
    held = things.held()
    forgotten = Forgotten()
    if dry_run:
        state = _State.LOOKED
    else:
        if any(asdict(held).values()):
            ask(f"Delete for good, so that nobody can bring it back: {_in_words(things, held)}?", yes=yes)
        state = _forget(things, held, forgotten)
    _tell(found, things, held, forgotten, state, as_json=as_json)
    if state is _State.INTERRUPTED:
        raise typer.Exit(ExitCode.INTERRUPTED)
    if forgotten.refused or forgotten.open_until:
        raise typer.Exit(ExitCode.WRONG)


def _things(stack: Stack, subject: str, issuer: str | None) -> UsersThings:
    """Whatever is called after a user. Raises ThumbctlError and typer.BadParameter where nobody can be meant."""
    outputs, api = stack.outputs, stack.outputs.get("api")
    if api is not None and issuer in {None, api["issuer"]}:
        issuer, own = str(api["issuer"]), api["user_pool_id"] is not None
    elif issuer is not None:
        own = issuer.startswith(_POOLS)
    else:
        raise ThumbctlError(
            "The stack has no API, so nobody knows whose users it had: say with --issuer which issuer's tokens it took."
        )
    owner = owner_of(issuer, subject, issuer if own else "")
    if not subject or (own and owner != subject):
        raise typer.BadParameter(
            "a user pool's users are called like 1111aaaa-2222-4333-8444-555555555555: see 'sub' among what 'aws"
            " cognito-idp admin-get-user' shows",
            param_hint="SUB",
        )
    return UsersThings(
        s3=stack.client("s3"),
        dynamodb=patient(stack, "dynamodb"),
        uploads_bucket=outputs["source_bucket"],
        thumbnails_bucket=outputs["thumbnails_bucket"],
        catalog_table=outputs["table_name"],
        asks_table=api and api["asks_table_name"],
        prefix=key_of_user(outputs["source_prefix"], owner),
        owner=owner,
        propagates_deletions=outputs["propagate_deletions"],
        url_seconds=60 * api["url_minutes"] if api else 0,
    )


def _in_words(things: UsersThings, held: Held) -> str:
    return (
        f"{counted(held.images, 'image')} of {things.owner} in {counted(held.versions, 'version')}"
        f" ({bytes_in_words(held.bytes)}) and {counted(held.delete_markers, 'delete marker')},"
        f" {counted(held.thumbnails, 'thumbnail')}, {counted(held.asks, 'row')} of asks"
    )


def _forget(things: UsersThings, held: Held, forgotten: Forgotten) -> _State:
    try:
        with terminate_as_interrupt(), progress() as bar:
            task = bar.add_task("Deleting", total=held.versions + held.delete_markers + held.thumbnails)
            things.forget(forgotten, lambda number: bar.advance(task, number), now=time.time())
    except KeyboardInterrupt:
        return _State.INTERRUPTED
    return _State.FINISHED


def _tell(stack: Stack, things: UsersThings, held: Held, forgotten: Forgotten, state: _State, *, as_json: bool) -> None:
    ends = forgotten.open_until and datetime.fromtimestamp(forgotten.open_until, UTC).isoformat()
    elsewhere = list(left(stack.outputs))
    if as_json:
        document: dict[str, Any] = {
            "state": state,
            "owner": things.owner,
            "held": asdict(held),
            "deleted": {
                "versions": forgotten.versions,
                "thumbnails": forgotten.thumbnails,
                "rows": forgotten.rows,
                "asks": forgotten.asks,
            },
            "refused": dict(forgotten.refused),
            "open_until": ends,
            "left": [asdict(each) for each in elsewhere],
        }
        write_json([document])
    else:
        console().print(f"There was: {_in_words(things, held)}.", soft_wrap=True)
        if state is _State.LOOKED:
            console().print("Nothing is deleted.")
        else:
            console().print(
                f"Deleted: {counted(forgotten.versions, 'version')} and delete markers of {things.prefix} in"
                f" {things.uploads_bucket}, {counted(forgotten.thumbnails, 'thumbnail')}, {_rows(things, forgotten)},"
                f" {counted(forgotten.asks, 'row')} of asks.",
                soft_wrap=True,
            )
        table = plain_table("Not reached", "What", "Until", title="Elsewhere")
        for each in elsewhere:
            table.add_row(each.where, each.what, each.until)
        console().print(table)
    if state is _State.INTERRUPTED:
        complain("Interrupted: the same command goes on where this one stopped.")
    for code, number in forgotten.refused.items():
        complain(f"{counted(number, 'version')} cannot be deleted ({code}): see the policies and locks of the bucket.")
    if ends:
        complain(f"An address for an upload is good until {ends}: forget them once more after that.")


def _rows(things: UsersThings, forgotten: Forgotten) -> str:
    if things.propagates_deletions:
        return "rows as the pipeline hears of it"
    return counted(forgotten.rows, "row") + " of the catalog"
