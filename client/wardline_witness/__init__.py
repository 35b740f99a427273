"""A witness for transparency logs (C2SP tlog-witness), to be run by a hospital for the logs of others.

Invariant: of every log it cosigns one history, once and for all: what it has cosigned is on the disk before anybody sees the cosignature,
and everything later has to prove that it continues it. It shares no code with the service.
"""
