"""What the Terraform module makes of an image where nobody says otherwise; a test holds the two together."""

from __future__ import annotations

from typing import Final

from thumbnail_pipeline.settings import Rendition, Settings

DEFAULT: Final = Settings(
    (
        Rendition("large", 1280, 1280),
        Rendition("medium", 512, 512),
        Rendition("small", 128, 128, fit="cover"),
    ),
    exclude=(".DS_Store", "._*", "Thumbs.db", "ehthumbs.db", "desktop.ini", "*.xmp", "*.aae"),
)
