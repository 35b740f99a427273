"""Judge an exported audit log, or the receipt of a promised bed, without trusting whoever exported it.

Invariant: it shares no code with the service, talks to nobody, and believes only the key, policy, earlier checkpoint or
fingerprint that its user brings along.
"""
