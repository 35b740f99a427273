"""The one exception of the protocol.

Invariant: its code is one of the codes of docs/protocol.md section 11, and both implementations give the same one for the
same input, so a code can be shown, counted and tested.
"""

from typing import Final

CODES: Final = frozenset(
    {
        "encoding.not_canonical",
        "header.malformed",
        "header.duplicate_key",
        "header.unknown_version",
        "header.unknown_member",
        "signature.invalid",
        "wrap.unreadable",
        "epoch.commitment",
        "message.unreadable",
        "image.unreadable",
        "statement.no_chain",
        "statement.fork",
        "statement.revoked",
        "directory.rolled_back",
        "directory.split",
        "directory.withheld",
        "promise.mismatch",
        "promise.out_of_time",
    }
)


class ProtocolError(ValueError):
    """Something does not follow ``wardline/1``; ``code`` says what, ``detail`` is for the log and holds no secret."""

    def __init__(self, code: str, detail: str = "") -> None:
        if code not in CODES:
            raise AssertionError(f"not a protocol code: {code}")
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail
