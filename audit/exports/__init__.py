"""A log taken out of the house: as a signed bundle, as FHIR AuditEvents, as CSV; made by the worker, in files, in bounded memory.

Knows no part but the log: names and places that an export shows come from the leaves, their openings and what the asker handed over.
"""
