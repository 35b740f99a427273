"""What people, and the clock, do with beds and requests. A module per noun; each function is one transaction with its audit records in it.

Invariant: whoever loses a race gets a domain error and has changed nothing.
"""

from beds.services.asking import Asked, Need, create_request
from beds.services.bed_facts import Told, forget_facts, tell_beds
from beds.services.board import read_board
from beds.services.by_software import Software, request_by_software, take_step_by_software
from beds.services.clocks import sweep
from beds.services.escalation import Chain, read_chain, write_chain
from beds.services.feeds import report_from_feed
from beds.services.figures import Figures, is_stale, update_capacity
from beds.services.history import read_history
from beds.services.moving import cancel_request, take_step
from beds.services.reading import read_request, read_requests
from beds.services.receipts import read_receipt
from beds.services.single_beds import read_beds, report_bed
from beds.services.statistics import Statistics, read_statistics
from beds.services.talking import begin_conversation
from beds.services.templates import Template, delete_template, read_templates, save_template
from beds.services.undo import undo_report

__all__ = [
    "Asked",
    "Chain",
    "Figures",
    "Need",
    "Software",
    "Statistics",
    "Template",
    "Told",
    "begin_conversation",
    "cancel_request",
    "create_request",
    "delete_template",
    "forget_facts",
    "is_stale",
    "read_beds",
    "read_board",
    "read_chain",
    "read_history",
    "read_receipt",
    "read_request",
    "read_requests",
    "read_statistics",
    "read_templates",
    "report_bed",
    "report_from_feed",
    "request_by_software",
    "save_template",
    "sweep",
    "take_step",
    "take_step_by_software",
    "tell_beds",
    "undo_report",
    "update_capacity",
    "write_chain",
]
