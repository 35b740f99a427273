"""The official R4 examples of our resource types, out of the npm package that HL7 publishes them in.

``python -m tests.integration.examples hl7.fhir.r4.examples-4.0.1.tgz`` writes ``fhir/examples.ndjson`` anew; a package of another hash than
the pinned one is refused. It has 18 MB and five thousand files, of which 67 are about what is served here: so these are kept, an example a
line, and a test machine fetches nothing.
"""

import hashlib
import json
import sys
import tarfile
from base64 import b64encode
from pathlib import Path
from typing import Any, Final

INTEGRITY: Final = "sha512-DXBdIZOeQaSKIgCU7w6HOC7sw/6BzylmipLkBW4f//pT+Bc94x+8LImwTdvaNThPJoOzpBzvxAzNqjeu3X/zLw=="
KINDS: Final = ("AuditEvent", "Location", "MeasureReport", "Organization", "PractitionerRole", "ServiceRequest", "Subscription", "Task")
KEPT: Final = Path(__file__).parent / "fhir" / "examples.ndjson"


def examples() -> list[dict[str, Any]]:
    return [json.loads(line) for line in KEPT.read_text(encoding="utf-8").splitlines()]


def kept_of(package: Path) -> str:
    """Raises: SystemExit: another package than the pinned one."""
    digest = "sha512-" + b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != INTEGRITY:
        sys.exit(f"{package.name} is {digest}, and pinned is {INTEGRITY}.")
    with tarfile.open(package) as archive:
        names = sorted(name for name in archive.getnames() if name.startswith(tuple(f"package/{kind}-" for kind in KINDS)))
        found = [json.load(file) for name in names if (file := archive.extractfile(name))]
    return "".join(json.dumps(one, ensure_ascii=False, separators=(",", ":"), sort_keys=True) + "\n" for one in found)


if __name__ == "__main__":
    KEPT.write_text(kept_of(Path(sys.argv[1])), encoding="utf-8")
