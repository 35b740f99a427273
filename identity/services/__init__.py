"""What people do with people, keys, devices and duty. A module per noun; each function is one transaction with its audit record in it.

Invariant: whoever loses a race gets a domain error and has changed nothing.
"""

from identity.services.keys import current_keys

__all__ = ["current_keys"]
