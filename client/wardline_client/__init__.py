"""Client side of Wardline: the protocol, and what a scripted person, a gateway or a benchmark needs to use the service.

Invariant: nothing here imports the server; whatever both need is public-key-only and lives in ``wardline_client.protocol``.
"""
