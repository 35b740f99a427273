"""What people, and the clock, do with beds and requests. A module per noun; each function is one transaction with its audit records in it.

Invariant: whoever loses a race gets a domain error and has changed nothing.
"""

from beds.services.asking import Asked, Need, create_request
from beds.services.board import read_board
from beds.services.clocks import sweep
from beds.services.figures import Figures, update_capacity
from beds.services.moving import cancel_request, take_step
from beds.services.reading import read_request, read_requests
from beds.services.receipts import read_receipt
from beds.services.templates import Template, delete_template, read_templates, save_template

__all__ = [
    "Asked",
    "Figures",
    "Need",
    "Template",
    "cancel_request",
    "create_request",
    "delete_template",
    "read_board",
    "read_receipt",
    "read_request",
    "read_requests",
    "read_templates",
    "save_template",
    "sweep",
    "take_step",
    "update_capacity",
]
