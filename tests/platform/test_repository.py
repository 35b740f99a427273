"""What the repository must not hold, and documents that must be true."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/vectors/*.md")])
# Written in halves, so that this file does not find itself.
FORBIDDEN = {
    "a package registry's host": ["py" + "pi.org", "python" + "hosted", "registry.n" + "pmjs", "deb." + "debian", "security." + "debian"],
    "a private key": ["BEGIN " + "PRIVATE KEY", "BEGIN EC " + "PRIVATE KEY", "BEGIN OPENSSH " + "PRIVATE KEY"],
    "a path of one machine": ["/" + "work/", "/" + "farm/", "/home/" + "runner"],
}
PATH_START = r"(^|[^A-Za-z0-9_.{}$-])"


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in done.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def texts() -> list[tuple[Path, str]]:
    return [(path, path.read_bytes().decode(errors="replace")) for path in tracked()]


def headings(path: Path) -> set[str]:
    lines = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_the_repository_does_not_hold(what: str) -> None:
    start = PATH_START if what == "a path of one machine" else ""
    pattern = re.compile(start + "(" + "|".join(map(re.escape, FORBIDDEN[what])) + ")", re.MULTILINE)
    assert [str(path.relative_to(ROOT)) for path, text in texts() if pattern.search(text)] == []


def test_what_is_made_or_secret_is_not_tracked() -> None:
    made = re.compile(r"(^|/)(\.venv|\.wardline|node_modules|__pycache__|secrets|dist)/|\.(pyc|key|pem)$|(^|/)\.env$")
    assert [str(path.relative_to(ROOT)) for path in tracked() if made.search(str(path.relative_to(ROOT)))] == []


def test_lock_files_pin_every_package_by_hash() -> None:
    for name in ("app", "dev"):
        text = (ROOT / "requirements" / f"{name}.txt").read_text()
        blocks = re.split(r"\n(?=[a-z0-9])", text)[1:]
        assert blocks
        assert [block.split()[0] for block in blocks if "==" not in block.split("\n")[0] or "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (document.parent / name).resolve() if name else document
        if not file.exists() or (anchor and anchor not in headings(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_make_targets_named_in_documents_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(), re.MULTILINE))
    assert named <= targets


def test_every_target_is_explained_or_part_of_one_that_is() -> None:
    text = (ROOT / "Makefile").read_text()
    phony = set(re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
    assert phony == set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))


def test_every_setting_that_is_read_is_in_the_example() -> None:
    read = set()
    for path in (ROOT / "backend").glob("*.py"):
        read |= set(re.findall(r"""env\.(?:text|flag|words|networks|secret)\("([A-Z_]+)""", path.read_text()))
    example = (ROOT / ".env.example").read_text()
    own = {"WARDLINE_STATE", "WARDLINE_TEST_SUFFIX", "DEBUG"}  # of the demo, of the tests, and of nobody in production
    assert {name for name in read - own if name not in example} == set()
