"""Which pattern of IHE Basic Audit Log Patterns an action follows.

Invariant: every action has exactly one pattern, and the roles of client and server follow from it alone: in a read the data flow from the
server to the client, so the server is the source; in a query, a create and an update the client is; in a delete the client is the
application and the server the custodian (IHE ITI BALP, AuditEvent profiles Read, Query, Create, Update, Delete).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, NamedTuple

DCM = "http://dicom.nema.org/resources/ontology/DCM"
REST = "http://terminology.hl7.org/CodeSystem/audit-event-type"
INTERACTION = "http://hl7.org/fhir/restful-interaction"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
REASON = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
PROFILES = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit."

Coding = tuple[str, str, str]
SOURCE: Coding = (DCM, "110153", "Source Role ID")
DESTINATION: Coding = (DCM, "110152", "Destination Role ID")
APPLICATION: Coding = (DCM, "110150", "Application")
CUSTODIAN: Coding = ("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian", "Custodian")
RECIPIENT: Coding = (PARTICIPATION, "IRCP", "information recipient")
AUTHOR: Coding = (PARTICIPATION, "AUT", "author (originator)")
RESTFUL: Coding = (REST, "rest", "RESTful Operation")


class Roles(NamedTuple):
    """``profile``: the pattern's name in BALP, empty where BALP has none and the base resource stands alone."""

    profile: str
    letter: str
    type: Coding
    subtype: Coding
    client: Coding
    server: Coding
    user: Coding


class Pattern(Enum):
    READ = Roles("Read", "R", RESTFUL, (INTERACTION, "read", "read"), DESTINATION, SOURCE, RECIPIENT)
    QUERY = Roles("Query", "E", RESTFUL, (INTERACTION, "search", "search"), SOURCE, DESTINATION, RECIPIENT)
    CREATE = Roles("Create", "C", RESTFUL, (INTERACTION, "create", "create"), SOURCE, DESTINATION, AUTHOR)
    UPDATE = Roles("Update", "U", RESTFUL, (INTERACTION, "update", "update"), SOURCE, DESTINATION, AUTHOR)
    DELETE = Roles("Delete", "D", RESTFUL, (INTERACTION, "delete", "delete"), APPLICATION, CUSTODIAN, AUTHOR)
    LOGIN = Roles("", "E", (DCM, "110114", "User Authentication"), (DCM, "110122", "Login"), SOURCE, DESTINATION, AUTHOR)
    LOGOUT = Roles("", "E", (DCM, "110114", "User Authentication"), (DCM, "110123", "Logout"), SOURCE, DESTINATION, AUTHOR)
    EXPORT = Roles("", "R", (DCM, "110106", "Export"), (INTERACTION, "operation", "operation"), DESTINATION, SOURCE, RECIPIENT)
    OPERATION = Roles("", "E", RESTFUL, (INTERACTION, "operation", "operation"), SOURCE, DESTINATION, AUTHOR)


_QUERIES = {"read_requests", "read_board", "read_directory", "read_devices", "read_duty", "read_roster", "read_pending", "read_templates"}
_VERBS = {
    Pattern.READ: {"read", "open", "unlock", "look"},
    Pattern.QUERY: {"search", "list"},
    Pattern.CREATE: {
        "send",
        "create",
        "request",
        "invite",
        "join",
        "add",
        "link",
        "begin",
        "approve",
        "appoint",
        "set",
        "statement",
        "store",
        "ask",
        "review",
    },
    Pattern.UPDATE: {"deliver", "acknowledge", "report", "save", "change", "hold", "confirm", "decline", "take", "hand", "admit", "answer"},
    Pattern.DELETE: {"delete", "erase", "erased", "revoke", "remove", "expire", "end"},
}
_WHOLE = {
    "identity.sign_in": Pattern.LOGIN,
    "identity.sign_out": Pattern.LOGOUT,
    "identity.come_back": Pattern.LOGIN,
    "messaging.end_break_glass": Pattern.OPERATION,
    "audit.export": Pattern.EXPORT,
    "audit.download_export": Pattern.EXPORT,
}
_STATED = {"BTG": "break the glass", "ETREAT": "Emergency Treatment"}
_PATTERNS = {verb: pattern for pattern, verbs in _VERBS.items() for verb in verbs} | dict.fromkeys(_QUERIES, Pattern.QUERY)


def pattern_of(action: str) -> Pattern:
    """By the whole action, else by the verb, else by the verb's first word; what is none of these is an operation."""
    if action in _WHOLE:
        return _WHOLE[action]
    verb = action.partition(".")[2]
    return _PATTERNS.get(verb) or _PATTERNS.get(verb.partition("_")[0], Pattern.OPERATION)


def purpose_of(event: Mapping[str, Any]) -> Coding:
    """Why it is done (v3-ActReason): as the event says it, else as far as its action tells."""
    action, stated = event["action"], event["detail"].get("purpose")
    if stated in _STATED:
        return (REASON, stated, _STATED[stated])
    part = action.partition(".")[0]
    if part in ("beds", "messaging"):
        return (REASON, "TREAT", "treatment")
    if part in ("audit", "privacy"):
        return (REASON, "HCOMPL", "health compliance")
    return (REASON, "HSYSADMIN", "health system administration")
