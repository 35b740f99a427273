"""Protocol ``wardline/1`` (docs/protocol.md): pure functions over bytes, no network, no storage.

Invariant: what is exported here is all that the service uses, and none of it takes a private key or a seed. What a client needs on
top (``keys``, ``hpke``, ``bodies``, ``images``, ``links`` and the ``seal_``/``open_`` functions) is imported from its module.
"""

from wardline_client.protocol.directory import Device, Directory, Principal, Refused
from wardline_client.protocol.encoding import decode, encode, format_time, sha256
from wardline_client.protocol.epochs import (
    EpochHeader,
    check_wraps,
    parse_epoch_header,
    verify_epoch_digest,
    verify_epoch_signature,
    wraps_digest,
)
from wardline_client.protocol.errors import CODES, ProtocolError
from wardline_client.protocol.messages import (
    Attachment,
    MessageHeader,
    check_ciphertext,
    parse_message_header,
    verify_message_signature,
)
from wardline_client.protocol.profiles import Profile, parse_profile, profile_digest
from wardline_client.protocol.promises import (
    Acceptance,
    Offer,
    Signed,
    check_pair,
    need_digest,
    parse_acceptance,
    parse_offer,
    verify_acceptance,
    verify_offer,
)
from wardline_client.protocol.receipts import Receipt, format_receipt, parse_receipt, root_fingerprint, verify_receipt
from wardline_client.protocol.signing import kid
from wardline_client.protocol.statements import (
    DeviceKey,
    Keys,
    Office,
    Officers,
    Partner,
    Revocation,
    RoleKeys,
    Sign,
    Statement,
    parse_statement,
    verify_statement,
)
from wardline_client.protocol.tree import Tree, leaf_hash

__all__ = [
    "CODES",
    "Acceptance",
    "Attachment",
    "Device",
    "DeviceKey",
    "Directory",
    "EpochHeader",
    "Keys",
    "MessageHeader",
    "Offer",
    "Office",
    "Officers",
    "Partner",
    "Principal",
    "Profile",
    "ProtocolError",
    "Receipt",
    "Refused",
    "Revocation",
    "RoleKeys",
    "Sign",
    "Signed",
    "Statement",
    "Tree",
    "check_ciphertext",
    "check_pair",
    "check_wraps",
    "decode",
    "encode",
    "format_receipt",
    "format_time",
    "kid",
    "leaf_hash",
    "need_digest",
    "parse_acceptance",
    "parse_epoch_header",
    "parse_message_header",
    "parse_offer",
    "parse_profile",
    "parse_receipt",
    "parse_statement",
    "profile_digest",
    "root_fingerprint",
    "sha256",
    "verify_acceptance",
    "verify_epoch_digest",
    "verify_epoch_signature",
    "verify_message_signature",
    "verify_offer",
    "verify_receipt",
    "verify_statement",
    "wraps_digest",
]
