"""``wardline-verify``: an exported audit log in, a verdict out; ``wardline-verify receipt``: see ``receipt_cli``.

Invariant: the exit code is the verdict (0 intact, 1 tampered, 2 incomplete, 3 erased, 4 unusable); a checkpoint is saved only from a log
that was found intact or erased.
"""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

from wardline_verify import receipt_cli
from wardline_verify.bundle import Report, Verdict, judge
from wardline_verify.calls import Parser, language, lines_of, printable, say
from wardline_verify.notes import Checkpoint, Key, Policy, Unusable
from wardline_verify.words import TEXTS, VERDICTS

ABOUT = "Judge an exported Wardline audit log, offline. For the receipt of a promised bed: wardline-verify receipt --help."


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code; ``wardline-verify`` hands it to the shell."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["receipt"]:
        return receipt_cli.main(given[1:])
    options = argparse.Namespace(language=language(), json=False, save=None, trust_bundle_key=False)
    try:
        _parser().parse_args(given, options)
        report = _judge(options)
    except Unusable as error:
        report = Report()
        report.find(Verdict.UNUSABLE, *error.args)
    except Exception as error:  # noqa: BLE001 -- Python would exit with 1, a verdict: a mistake of ours must not accuse anybody
        report = Report()
        report.find(Verdict.UNUSABLE, "internal", type(error).__name__)
    _say(report, options, sys.stdout)
    return int(report.verdict)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="wardline-verify",
        description="Judge an exported Wardline audit log, offline. A receipt of a promised bed: wardline-verify receipt --help.",
    )
    parser.add_argument("bundle", help="the exported file; - for standard input")
    parser.add_argument("--key", help="the log's verifier key, as /audit/logs/ shows it and the operator published it")
    parser.add_argument("--policy", type=Path, help="a policy file (C2SP tlog-policy): logs, witnesses, quorum")
    parser.add_argument("--trust-bundle-key", action="store_true", help="believe the key in the bundle: finds damage, not forgery")
    parser.add_argument("--events", type=Path, help="a FHIR or CSV export of the same log: every line of it must be in the bundle")
    parser.add_argument("--saved", type=Path, help="a checkpoint you saved earlier; the log must continue it")
    parser.add_argument("--save", type=Path, help="write the checkpoint here for next time, if the log is intact")
    parser.add_argument("--json", action="store_true", help="a JSON object instead of text")
    parser.add_argument("--language", choices=sorted(TEXTS), help="default: LANG")
    return parser


def _judge(options: argparse.Namespace) -> Report:
    try:
        policy = _policy(options)
        saved = Checkpoint.parse(options.saved.read_text(encoding="utf-8")) if options.saved else None
        with ExitStack() as files:
            bundle = sys.stdin.buffer if options.bundle == "-" else files.enter_context(Path(options.bundle).open("rb"))
            events = lines_of(files.enter_context(options.events.open("rb"))) if options.events else None
            report = judge(lines_of(bundle), policy=policy, saved=saved, events=events)
        if options.save and report.verdict in (Verdict.INTACT, Verdict.ERASED):
            options.save.write_text(report.checkpoint, encoding="utf-8", newline="\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable("bad_file", str(error)) from error
    return report


def _policy(options: argparse.Namespace) -> Policy | None:
    if options.policy:
        return Policy.parse(options.policy.read_text(encoding="utf-8"))
    if options.key:
        return Policy(logs=[Key.parse(options.key)])
    if not options.trust_bundle_key:
        raise Unusable("no_key")
    return None


def _say(report: Report, options: argparse.Namespace, out: TextIO) -> None:
    texts = TEXTS[options.language]
    findings = [texts[text].format(argument) for _, text, argument in report.findings]
    checked = [texts[name] for name in report.checked]
    is_self_attested = bool(options.trust_bundle_key and not options.key and not options.policy)
    if options.json:
        facts = {
            "verdict": report.verdict.name.lower(),
            "findings": findings,
            "checked": checked,
            "origin": report.origin,
            "size": report.size,
        }
        facts |= {
            "first_at": report.first_at,
            "last_at": report.last_at,
            "outcomes": dict(report.outcomes),
            "withheld": report.withheld,
            "lines": report.lines,
        }
        facts |= {"erased": report.erased, "codes": [text for _, text, _ in report.findings], "is_key_from_bundle": is_self_attested}
        say([json.dumps(facts)], out)
        return
    lines = [VERDICTS[options.language][report.verdict]]
    if report.origin:
        lines.append(f"  {texts['log']}: {report.origin}, {report.size} {texts['entries']}")
    if report.first_at:
        lines.append("  " + texts["period"].format(report.first_at, report.last_at))
    lines += [f"  + {line}" for line in checked] + [f"  ! {line}" for line in findings]
    if is_self_attested:
        lines.append(texts["own_key"])
    say([printable(line) for line in lines], out)


if __name__ == "__main__":
    sys.exit(main())
