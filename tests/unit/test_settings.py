"""Settings: every mistake is found when they are read, in one sentence that names the field."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from thumbnail_pipeline.listing import Listed
from thumbnail_pipeline.reconciliation.judgement import Verdict, judge
from thumbnail_pipeline.rows import decoded
from thumbnail_pipeline.settings import Limits, Rendition, Settings, made_by

if TYPE_CHECKING:
    from thumbnail_pipeline.rows import Row
    from thumbnail_pipeline.settings import Format

SMALL: dict[str, Any] = {"name": "small", "width": 256, "height": 256}
FULL: dict[str, Any] = {
    "name": "hero-2", "width": 1280, "height": 720, "fit": "cover", "format": "avif", "quality": 55,
    "crop": "attention", "background": "#AbCdEf", "enlarge": True, "effort": 9,
}  # fmt: skip


def read(**document: Any) -> Settings:
    return Settings.from_json(json.dumps({"renditions": [SMALL]} | document))


def test_missing_and_null_fields_take_their_defaults() -> None:
    nothing = {"fit": None, "format": None, "quality": None, "crop": None, "background": None, "effort": None}
    expected = Settings((Rendition("small", 256, 256),), Limits())
    assert read() == expected
    assert read(renditions=[SMALL | nothing], limits=None, animation=None, truncated=None) == expected
    assert read(limits={"pixels": None, "side": 9}).limits == Limits(side=9)


def test_every_field_is_read() -> None:
    limits = {"bytes": 1, "pixels": 2, "side": 3, "frames": 4, "animated_pixels": 5}
    settings = read(renditions=[FULL], limits=limits, animation="animate", truncated="render")
    assert settings == Settings(
        (Rendition("hero-2", 1280, 720, "cover", "avif", 55, "attention", "#abcdef", enlarge=True, effort=9),),
        Limits(1, 2, 3, 4, 5),
        "animate",
        "render",
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"name": "a/b"}, "renditions[0].name must be"),
        ({"name": ""}, "renditions[0].name must be"),
        ({"name": "-a"}, "renditions[0].name must be"),
        ({"name": "Hero_2"}, "renditions[0].name must be"),
        ({"name": "n" * 33}, "renditions[0].name must be"),
        ({"width": 0}, "renditions[0] (small).width must be a whole number from 1 to 16383"),
        ({"width": "256"}, "renditions[0] (small).width must be a whole number"),
        ({"width": True}, "renditions[0] (small).width must be a whole number"),
        ({"height": None}, "renditions[0] (small).height must be a whole number"),
        ({"height": 16384}, "renditions[0] (small).height must be a whole number"),
        ({"fit": "fill"}, "renditions[0] (small).fit must be one of contain, cover, pad"),
        ({"format": "bmp"}, "renditions[0] (small).format must be one of webp, jpeg"),
        ({"crop": ["centre"]}, "renditions[0] (small).crop must be one of centre"),
        ({"quality": 101}, "renditions[0] (small).quality must be a whole number from 1 to 100"),
        ({"background": "white"}, "renditions[0] (small).background must be a colour like '#ffffff'"),
        ({"enlarge": "no"}, "renditions[0] (small).enlarge must be true or false"),
        ({"effort": 7}, "renditions[0] (small).effort must be a whole number from 0 to 6 for webp"),
        ({"format": "jpeg", "effort": 3}, "from 0 to 2 for jpeg"),
        ({"heigth": 3}, "renditions[0] has an unknown field 'heigth'"),
    ],
)
def test_a_wrong_rendition_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is what is asserted
        read(renditions=[SMALL | change])
    assert said in str(caught.value)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "The settings are not JSON"),
        ("[" * 100_000, "The settings are not JSON"),
        ("[]", "settings must be an object, not a list"),
        ("{}", "renditions must be a list of 1 to 10"),
        ('{"renditions": []}', "renditions must be a list of 1 to 10"),
        ('{"renditions": [null]}', "renditions[0] must be an object, not null"),
        ('{"rendition": []}', "settings has an unknown field 'rendition'"),
        (json.dumps({"renditions": [SMALL, SMALL]}), "two entries named 'small'"),
        (json.dumps({"renditions": [SMALL], "limits": {"pixel": 1}}), "limits has an unknown field 'pixel'"),
        (json.dumps({"renditions": [SMALL], "limits": {"pixels": 0}}), "limits.pixels must be a whole number"),
        (json.dumps({"renditions": [SMALL], "limits": {"pixels": 200_000_001}}), "from 1 to 200000000"),
        (json.dumps({"renditions": [SMALL], "limits": 5}), "limits must be an object, not a number"),
        (json.dumps({"renditions": [SMALL], "animation": "gif"}), "animation must be one of animate, first-frame"),
        (json.dumps({"renditions": [SMALL], "truncated": True}), "truncated must be one of fail, render"),
    ],
)
def test_a_wrong_document_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the sentence is what is asserted
        Settings.from_json(text)
    assert said in str(caught.value)


def test_the_fingerprint_changes_with_whatever_changes_bytes_and_with_nothing_else() -> None:
    base = read()
    rendition = base.renditions[0]
    others: dict[str, Any] = {"name": "b", "width": 1, "height": 1, "fit": "pad", "format": "png", "quality": 1}
    others |= {"crop": "entropy", "background": "#000000", "enlarge": True, "effort": 0}
    assert set(others) == {field.name for field in dataclasses.fields(Rendition)}
    changed = [Settings((dataclasses.replace(rendition, **{name: value}),)) for name, value in others.items()]
    changed += [
        Settings((rendition, dataclasses.replace(rendition, name="second"))),
        dataclasses.replace(base, animation="animate"),
        dataclasses.replace(base, truncated="render"),
    ]
    fingerprints = {each.fingerprint for each in (base, *changed)}
    assert len(fingerprints) == len(changed) + 1
    assert dataclasses.replace(base, limits=Limits(pixels=1)).fingerprint == base.fingerprint


GOLDEN = {
    "the module's own renditions": (
        {
            "renditions": [
                {"name": "large", "width": 1280, "height": 1280},
                {"name": "medium", "width": 512, "height": 512},
                {"name": "small", "width": 128, "height": 128, "fit": "cover"},
            ]
        },
        "18d51def991719ff",
    ),
    "a value of every field": (
        {
            "renditions": [
                {
                    "name": "hero", "width": 2048, "height": 1024, "fit": "pad", "format": "jpeg", "quality": 90,
                    "crop": "attention", "background": "#AABBCC", "enlarge": True, "effort": 2,
                },
                {"name": "icon", "width": 64, "height": 64, "fit": "cover", "format": "png"},
            ],
            "limits": {"pixels": 1000},
            "animation": "animate",
            "truncated": "render",
        },
        "9ed9d3ef67288314",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "fingerprint"), GOLDEN.values(), ids=GOLDEN)
def test_a_fingerprint_stays_what_it_was_in_release_0_1_0(document: dict[str, Any], fingerprint: str) -> None:
    """Rows in catalogs carry it: another one for the same settings would have everything rendered anew."""
    assert Settings.from_json(json.dumps(document)).fingerprint == fingerprint


def test_a_rendition_knows_its_key_and_content_type() -> None:
    forms: tuple[Format, ...] = ("webp", "jpeg", "png", "avif", "gif")
    kinds = {form: Rendition("a", 1, 1, format=form) for form in forms}
    assert [each.extension for each in kinds.values()] == ["webp", "jpg", "png", "avif", "gif"]
    assert [each.content_type for each in kinds.values()] == [f"image/{form}" for form in kinds]


@pytest.mark.parametrize(
    ("key", "size", "watched"),
    [
        ("cat.jpg", 1, True),
        ("album/", 0, False),  # a folder, as consoles make it
        ("album/", 1, True),
        ("album/", None, True),
        ("album/cat.jpg", 0, True),  # it fails as empty, and its sender hears of it
        (".DS_Store", 1, False),
        ("album/.ds_store", 1, False),
        ("album/._cat.jpg", 1, False),
        ("._album/cat.jpg", 1, True),  # a glob without a slash is about the name
        ("raw/2026/cat.jpg", 1, False),
        ("more/raw/cat.jpg", 1, True),
        ("raw.jpg", 1, True),
    ],
)
def test_keys_that_are_passed_over(key: str, size: int | None, *, watched: bool) -> None:
    document = {"renditions": [{"name": "small", "width": 1, "height": 1}], "exclude": [".DS_Store", "._*", "raw/*"]}
    assert Settings.from_json(json.dumps(document)).watches(key, size) is watched


def test_with_include_nothing_else_is_watched_and_exclude_still_holds() -> None:
    renditions = [{"name": "small", "width": 1, "height": 1}]
    document = {"renditions": renditions, "include": ["*.jpg", "albums/*"], "exclude": ["._*"]}
    settings = Settings.from_json(json.dumps(document))
    keys = ("a/cat.JPG", "albums/cat", "cat.png", "albums/._cat.jpg")
    assert [settings.watches(key, 1) for key in keys] == [True, True, False, False]
    assert settings.fingerprint == Settings.from_json(json.dumps({"renditions": renditions})).fingerprint


@pytest.mark.parametrize("globs", ["*.jpg", [""], [1]])
def test_globs_are_a_list(globs: object) -> None:
    with pytest.raises(ValueError, match="exclude must be a list of globs"):
        Settings.from_json(json.dumps({"renditions": [{"name": "a", "width": 1, "height": 1}], "exclude": globs}))


# Each kind of row in a catalog that release 0.1.0 wrote, and whether an upgrade makes it out of date.
UPGRADED = {
    **{("READY", kind): kind != "jpeg" for kind in
       ("jpeg", "bmp", "png", "gif", "webp", "tiff", "avif", "heif")},
    **{("FAILED", kind): True for kind in ("corrupt", "truncated", "unsupported-format", "crashed")},
    **{("FAILED", kind): False for kind in ("empty", "too-large", "too-many-pixels", "unidentified")},
}  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), UPGRADED)
@pytest.mark.parametrize("document", [case[0] for case in GOLDEN.values()], ids=GOLDEN)
def test_an_upgrade_makes_out_of_date_what_comes_out_otherwise_and_nothing_else(
    status: str, kind: str, document: dict[str, Any]
) -> None:
    deployed = Settings.from_json(json.dumps(document)).fingerprint
    before = stored(status, kind, deployed)
    verdict = judge(OBJECT, before, deployed)
    assert (verdict is Verdict.RESTYLED) == UPGRADED[status, kind]
    assert judge(OBJECT, stored(status, kind, made_by(deployed, kind)), deployed) is not Verdict.RESTYLED
    # Other settings make everything out of date that was rendered, and what failed fails with them as well.
    other = judge(OBJECT, stored(status, kind, made_by(deployed, kind)), "f" * 16)
    assert (other is Verdict.RESTYLED) == (status == "READY")


OBJECT = Listed("a", 1, "etag", datetime(2026, 1, 1, tzinfo=UTC))


def stored(status: str, kind: str, made_with: str) -> Row:
    """A row as the catalog has it: with a format where it was rendered, with a reason where it was not."""
    attributes = {"format": {"S": kind}} if status == "READY" else {"reason": {"S": kind}}
    usual = {"source_key": "a", "source_bucket": "b", "sequencer": "01", "claim": "01", "etag": "etag"}
    row = usual | {"status": status, "settings_fingerprint": made_with}
    text = {name: {"S": value} for name, value in row.items()}
    return decoded({**text, "fence": {"N": "1"}, **attributes})
