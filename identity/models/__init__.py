"""Who, where, on duty, on which device.

Invariant: a person acts only through an active membership, a device that is not revoked and a sign-in that has not ended; a public key
counts only with the statement that vouches for it. Nothing is deleted here: things end, with a time.
"""

from identity.models.devices import Device, DeviceLink, LinkClaim, Passkey, SeedWrap, SignIn
from identity.models.duty import Duty, DutyRole, Holder, RoleSeal, shown_until
from identity.models.hospitals import Hospital, HospitalSetup, Unit
from identity.models.invitations import Invitation
from identity.models.officers import KeyDeposit, OfficersProposal, Restoration, RestorationApproval
from identity.models.partners import Partnership
from identity.models.people import AuditorTerm, Membership, Person
from identity.models.registrars import RegistrarProposal
from identity.models.renewals import KeyRenewal
from identity.models.rosters import GapWarning, Shift, ShiftPattern
from identity.models.sso import SsoLogout, SsoProvider, SsoSubject
from identity.models.statements import DirectoryHead, PrincipalKey, Statement

__all__ = [
    "AuditorTerm",
    "Device",
    "DeviceLink",
    "DirectoryHead",
    "Duty",
    "DutyRole",
    "GapWarning",
    "Holder",
    "Hospital",
    "HospitalSetup",
    "Invitation",
    "KeyDeposit",
    "KeyRenewal",
    "LinkClaim",
    "Membership",
    "OfficersProposal",
    "Partnership",
    "Passkey",
    "Person",
    "PrincipalKey",
    "RegistrarProposal",
    "Restoration",
    "RestorationApproval",
    "RoleSeal",
    "SeedWrap",
    "Shift",
    "ShiftPattern",
    "SignIn",
    "SsoLogout",
    "SsoProvider",
    "SsoSubject",
    "Statement",
    "Unit",
    "shown_until",
]
