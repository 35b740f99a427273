"""Which events gave a case's data to another hospital, and to which (IHE BALP, Privacy Disclosure at Source).

Invariant: only what carries data of a case counts, and only once it reached a hospital that is not the log's own: a sending of ours, or a
reading by one of theirs. What merely says that something arrived or was decided discloses nothing.
"""

from typing import Any
from uuid import UUID

from audit.exports.balp import DCM, Coding

PROFILE = "PrivacyDisclosure.Source"
EXPORT: Coding = (DCM, "110106", "Export")
DISCLOSE: Coding = ("http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose", "Disclose Record Lifecycle Event")
RECORDS: Coding = ("http://snomed.info/sct", "159541003", "Record keeping/library clerk")
LETTER = "R"

SENDING = frozenset({"messaging.send", "messaging.admit", "beds.request", "beds.submit", "beds.ask_next"})
READING = frozenset({"messaging.read", "messaging.open_image", "beds.read_request"})


def learned(event: dict[str, Any], own: UUID) -> list[str]:
    """The other hospitals that learned of the case by this event; none of a refusal, nor of what is about no case."""
    if event["outcome"] != "success" or not event["subjects"].keys() & {"request", "conversation"}:
        return []
    reader = event["agent"]["hospital"]
    if event["action"] in READING:
        return [reader] if reader not in (None, str(own)) else []
    is_ours = event["action"] in SENDING and reader in (None, str(own))
    return [hospital for hospital in event["hospitals"] if hospital != str(own)] if is_ours else []
