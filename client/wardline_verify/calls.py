"""How ``wardline-verify`` is called and how it speaks, whatever it judges.

Invariant: a call that cannot be understood is *unusable*, never a verdict; nothing read from a file moves the cursor.
"""

import argparse
import os
from collections.abc import Iterator
from typing import IO, NoReturn, TextIO

from wardline_verify.notes import Unusable

LINE_AT_MOST = 4 << 20  # a leaf has 64 KiB; the rest is for openings


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """argparse would exit with 2, which is a verdict here."""
        raise Unusable("bad_call", message)


def lines_of(file: IO[bytes]) -> Iterator[bytes]:
    """Raises: Unusable: a line longer than any export has; memory is not for the file's author to fill."""
    while line := file.readline(LINE_AT_MOST):
        if len(line) == LINE_AT_MOST:
            raise Unusable("bad_line", line[:40].decode(errors="replace"))
        yield line


def say(lines: list[str], out: TextIO) -> None:
    """Print, also where the terminal has fewer characters than the file: a question mark is better than no verdict."""
    text, encoding = "\n".join(lines), getattr(out, "encoding", None) or "utf-8"
    print(text.encode(encoding, errors="replace").decode(encoding), file=out)


def printable(line: str) -> str:
    """A bundle is somebody else's words: no control character of it may move the cursor over our verdict."""
    return "".join(character if character.isprintable() else "?" for character in line)


def language() -> str:
    return "de" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("de") else "en"
