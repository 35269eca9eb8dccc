"""What the bundler reads in native modules and shared libraries, all of them ELF files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSegment
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

if TYPE_CHECKING:
    from pathlib import Path


def machine(file: Path) -> str | None:
    """The machine that `file` is for, such as EM_AARCH64; None for what is no ELF file."""
    with file.open("rb") as stream:
        try:
            return str(ELFFile(stream)["e_machine"])
        except ELFError:
            return None


def needed(file: Path) -> set[str]:
    """The names of the shared libraries that the loader looks for when it loads `file` (DT_NEEDED)."""
    with file.open("rb") as stream:
        return {
            str(tag.needed)  # type: ignore[attr-defined]  # set on tags of this kind alone
            for segment in ELFFile(stream).iter_segments("PT_DYNAMIC")
            if isinstance(segment, DynamicSegment)
            for tag in segment.iter_tags("DT_NEEDED")
        }


def exported(file: Path) -> set[str]:
    """The names of what `file` offers to others (.dynsym)."""
    with file.open("rb") as stream:
        return {
            symbol.name
            for section in ELFFile(stream).iter_sections("SHT_DYNSYM")
            if isinstance(section, SymbolTableSection)
            for symbol in section.iter_symbols()
            if symbol["st_shndx"] != "SHN_UNDEF"
        }
