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


_STATED = {"BTG": "break the glass", "ETREAT": "Emergency Treatment"}
# Every action of the product (``tests/audit/test_actions.py``); one that is not here is an operation, which claims nothing.
_ACTIONS = {
    Pattern.READ: """
        audit.read audit.read_export
        beds.read_escalation beds.read_receipt beds.read_request
        identity.look_invitation identity.look_link identity.look_setup identity.open_by_passkey identity.open_link
        identity.open_recovery identity.read_claim identity.read_passkey_rule identity.read_role_seals
        identity.collect_restoration identity.look_restoration identity.read_deposit
        identity.read_renewal identity.read_settings identity.read_sso identity.unlock integration.read_resource
        messaging.open_image messaging.read messaging.read_keys""",
    Pattern.QUERY: """
        audit.list_exports audit.list_reviews audit.read_activity audit.read_break_glass audit.read_disclosures audit.read_roster
        audit.read_sign_in_failures audit.read_timeline audit.read_witnesses audit.search
        beds.read_beds beds.read_board beds.read_history beds.read_requests beds.read_statistics beds.read_templates
        identity.read_devices identity.read_directory identity.read_duty identity.read_pending identity.read_roles identity.read_roster
        identity.read_sign_ins identity.read_sso_accounts
        identity.read_invitations identity.read_partners identity.read_registrars identity.read_renewals
        identity.read_officers identity.read_restorations
        integration.read_clients integration.read_webhooks integration.search_resources""",
    Pattern.CREATE: """
        audit.ask_export audit.review
        beds.ask_next beds.begin_conversation beds.open_figure beds.request
        identity.accept_partner identity.add_archive identity.add_device_by_passkey identity.add_role_history identity.add_unit
        identity.add_wrap identity.appoint_auditor
        identity.approve_link identity.approve_member identity.bind_sso identity.create_role identity.invite identity.join
        identity.link_device identity.propose_registrar identity.offer_renewal
        identity.ask_restoration identity.make_deposit identity.propose_officers identity.restore identity.start_restoration
        identity.offer_link identity.offer_recovery identity.prepare_hospital identity.recover identity.set_up_hospital identity.statement
        integration.add_client integration.add_feed integration.add_webhook integration.subscribe
        messaging.announce_attachment messaging.create_conversation messaging.create_epoch messaging.send messaging.store_chunk
        messaging.subscribe_push""",
    Pattern.UPDATE: """
        audit.begin_export audit.fail_export audit.finish_export
        beds.acknowledge beds.answer_info beds.arrange_transport beds.arrive beds.cancel beds.change_escalation beds.confirm beds.decline
        beds.depart beds.divert beds.drop beds.expire beds.give_up beds.hold beds.report_bed beds.report_figure beds.request_info
        beds.save_template beds.submit beds.undo_report beds.withdraw
        identity.begin_duty identity.change_idle_lock identity.change_passkey_rule identity.change_role identity.change_roster
        identity.change_settings
        identity.claim_link identity.close_role identity.end_duty identity.hand_over_duty identity.import_roster identity.refuse_link
        identity.configure_sso identity.renew_key identity.suspend_by_sso identity.take_duty
        identity.agree_registrar identity.confirm_registrar identity.withdraw_proposal
        beds.part integration.change_client integration.change_webhook integration.halt_webhook integration.map_feed
        integration.refuse_message integration.renew_webhook_secret integration.take_message
        messaging.close_conversations identity.approve_restoration identity.cancel_restoration identity.confirm_officers
        identity.expire_restoration identity.refuse_restoration identity.supersede_restoration identity.withdraw_officers
        messaging.acknowledge messaging.admit messaging.complete_attachment messaging.deliver""",
    Pattern.DELETE: """
        audit.delete_export audit.expire_export beds.delete_template
        identity.end_partner identity.end_registrar identity.reject_member identity.withdraw_deposit identity.withdraw_invitation
        identity.end_auditor identity.end_member identity.end_sso identity.revoke_device identity.unbind_sso
        integration.end_feed integration.end_webhook integration.unsubscribe integration.revoke_client messaging.end_push privacy.erased""",
    Pattern.LOGIN: "identity.come_back identity.prove_sso identity.sign_in integration.issue_token integration.refuse_token",
    Pattern.LOGOUT: "identity.end_other_sign_ins identity.end_sign_in identity.log_out_by_sso identity.sign_out",
    Pattern.EXPORT: "audit.download_export audit.export beds.export_statistics",
    Pattern.OPERATION: """
        api.refused audit.republish beds.alarm_failed beds.alarm_reached beds.escalate
        identity.check_invitations identity.check_leavers identity.rehearse_roster identity.warn_gap
        integration.notify integration.try_webhook
        messaging.break_glass messaging.end_break_glass messaging.refused""",
}
PATTERNS = {action: pattern for pattern, actions in _ACTIONS.items() for action in actions.split()}


def pattern_of(action: str) -> Pattern:
    return PATTERNS.get(action, Pattern.OPERATION)


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
