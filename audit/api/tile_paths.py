"""The addresses of tiles (C2SP tlog-tiles, Parameters).

Invariant: a tile has one address; a second spelling of the same number is no address at all. Pure.
"""

import re
from dataclasses import dataclass

WIDTH = 256
_INDEX = re.compile(r"(?:x\d{3}/){0,6}\d{3}")  # 21 digits: more than a log can ever hold, and still a number
_WIDTH = re.compile(r"[1-9]\d{0,2}")


@dataclass(frozen=True, slots=True)
class Tile:
    """Place ``index`` of a level, and how many of its 256 hashes or entries: fewer than 256 for a partial tile."""

    level: int
    index: int
    width: int

    @property
    def start(self) -> int:
        return self.index * WIDTH

    def leaves(self) -> int:
        """How large the log must be for this tile to exist."""
        return (self.start + self.width) << 8 * self.level


def parse(level: str, index: str, width: str | None) -> Tile | None:
    """``"0", "x001/x234/067", None`` -> tile 1234067; ``None`` for what is no address of a tile."""
    if not _INDEX.fullmatch(index) or (width is not None and not _WIDTH.fullmatch(width)):
        return None
    number = int(index.replace("x", "").replace("/", ""))
    tile = Tile(level=int(level), index=number, width=WIDTH if width is None else int(width))
    is_canonical = index == spell(number) and (width is None or tile.width < WIDTH)
    return tile if is_canonical else None


def spell(index: int) -> str:
    """1234067 -> ``x001/x234/067``."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    return "/".join(reversed(groups))
