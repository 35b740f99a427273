"""``wardline-verify receipt``: the receipt of a promised bed in, a verdict out.

Invariant: the exit code is the verdict, as for an audit log (0 intact, 1 tampered, 2 incomplete, 4 unusable); without a fingerprint brought
along, or an express word to do without, there is no verdict.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, TextIO

from wardline_verify.bundle import Verdict
from wardline_verify.calls import Parser, language, printable, say
from wardline_verify.notes import Unusable
from wardline_verify.receipt import AT_MOST, Report, digits, judge
from wardline_verify.receipt_words import TEXTS, VERDICTS
from wardline_verify.strict import Malformed, a_uuid


def main(arguments: list[str]) -> int:
    options = argparse.Namespace(language=language(), json=False, root=None, trust_receipt_roots=False)
    try:
        _parser().parse_args(arguments, options)
        report = judge(_read(options.receipt), _roots(options))
    except Unusable as error:
        report = Report()
        report.find(Verdict.UNUSABLE, *error.args)
    except Exception as error:  # noqa: BLE001 -- as for a log: Python would exit with 1, *tampered*
        report = Report()
        report.find(Verdict.UNUSABLE, "internal", type(error).__name__)
    _say(report, options, sys.stdout)
    return int(report.verdict)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="wardline-verify receipt", description="Judge the receipt of a promised bed, offline.")
    parser.add_argument("receipt", help="the exported file; - for standard input")
    parser.add_argument("--root", action="append", metavar="HOSPITAL=FINGERPRINT", help="a root as its hospital published it")
    parser.add_argument("--trust-receipt-roots", action="store_true", help="believe the receipt's own roots: finds damage, not forgery")
    parser.add_argument("--json", action="store_true", help="a JSON object instead of text")
    parser.add_argument("--language", choices=sorted(TEXTS), help="default: LANG")
    return parser


def _read(name: str) -> bytes:
    try:
        if name == "-":
            return sys.stdin.buffer.read(AT_MOST + 1)
        with Path(name).open("rb") as file:
            return file.read(AT_MOST + 1)
    except OSError as error:
        raise Unusable("bad_file", str(error)) from error


def _roots(options: argparse.Namespace) -> dict[str, str] | None:
    if options.root is None and not options.trust_receipt_roots:
        raise Unusable("no_root")
    return dict(_root(text) for text in options.root) if options.root else None


def _root(text: str) -> tuple[str, str]:
    hospital, _, fingerprint = text.partition("=")
    try:
        found = a_uuid(hospital.strip().lower()), digits(fingerprint)
    except Malformed:
        raise Unusable("bad_root", text) from None
    if len(found[1]) != 30:
        raise Unusable("bad_root", text)
    return found


def _say(report: Report, options: argparse.Namespace, out: TextIO) -> None:
    texts = TEXTS[options.language]
    findings = [texts[text].format(argument) for _, text, argument in report.findings]
    checked = [texts[text].format(argument) for text, argument in report.checked]
    is_self_attested = bool(options.trust_receipt_roots and not options.root)
    if options.json:
        facts: dict[str, Any] = {
            "verdict": report.verdict.name.lower(),
            "findings": findings,
            "codes": [text for _, text, _ in report.findings],
        }
        facts |= {"checked": checked, "promise": report.promise, "roots": report.roots, "is_root_from_receipt": is_self_attested}
        say([json.dumps(facts)], out)
        return
    lines = [VERDICTS[options.language][report.verdict], *("  " + line for line in _promise(report, texts))]
    lines += [f"  + {line}" for line in checked] + [f"  ! {line}" for line in findings]
    if is_self_attested:
        lines.append(texts["own_roots"])
    say([printable(line) for line in lines], out)


def _promise(report: Report, texts: dict[str, str]) -> list[str]:
    """What was promised, in the words of whoever reads it at a desk."""
    promise = report.promise
    if not promise:
        return []
    lines = [f"{texts['request']}: {promise['request']}, {texts['for_minutes'].format(promise['category'], promise['minutes'])}"]
    for step, end in (("offered", "destination"), ("accepted", "origin")):
        one = promise[step]
        lines.append(texts["by"].format(f"{texts[step]} {one['at']}", one["by"], one["device"], promise[end]))
    return lines + [texts["root"].format(*entry) for entry in report.roots.items()]
