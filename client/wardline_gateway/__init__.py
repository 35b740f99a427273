"""The gateway a hospital runs beside its record: follows its conversations as the archive, decrypts, files each closed case.

Invariant: what is decrypted leaves this process towards the record alone; the state folder holds positions and sealed keys, the log holds
neither content nor names. It holds the archive's key and never a role's.
"""
