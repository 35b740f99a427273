"""HL7 v2 as far as the ADT feed needs it. Pure: no Django, no database; the listener and the services use it."""
