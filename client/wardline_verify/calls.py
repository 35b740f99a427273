"""How ``wardline-verify`` is called and how it speaks, whatever it judges.

Invariant: a call that cannot be understood is *unusable*, never a verdict; nothing read from a file moves the cursor.
"""

import argparse
import os
from typing import NoReturn

from wardline_verify.notes import Unusable


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """argparse would exit with 2, which is a verdict here."""
        raise Unusable("bad_call", message)


def printable(line: str) -> str:
    """A bundle is somebody else's words: no control character of it may move the cursor over our verdict."""
    return "".join(character if character.isprintable() else "?" for character in line)


def language() -> str:
    return "de" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("de") else "en"
