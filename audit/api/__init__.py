"""The log to people: exports and the addresses an auditor reads from. Stands above ``identity`` (2-architecture, Import direction)."""
