"""Judge an exported audit log without trusting whoever exported it.

Invariant: it shares no code with the service, talks to nobody, and believes only the key (or policy) and the earlier checkpoint that its
user brings along.
"""
