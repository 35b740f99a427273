"""Who is at the other end of a connection.

Invariant: what a sender says of itself (MSH-3, MSH-4) only chooses among the feeds that its certificate and address prove. Anybody may
claim a name; nobody moves another hospital's beds by it.
"""

from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from integration.models import Feed


@dataclass(frozen=True, slots=True)
class Peer:
    """As the connection shows it: the address, and the SHA-256 of the certificate that the handshake has verified, in hex; or none."""

    address: str
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Sender:
    peer: Peer
    application: str
    facility: str

    def proves(self, feed: Feed) -> bool:
        if not feed.certificates and not feed.networks:
            return False
        address = ip_address(self.peer.address)
        return (not feed.certificates or self.peer.certificate in feed.certificates) and (
            not feed.networks or any(address in ip_network(network) for network in feed.networks)
        )
