"""What stands in the document, in German and English.

Invariant: every word is there in both; a code without a word is written as it is, never left out.
"""

from typing import Final

LANGUAGES: Final = ("de", "en")

_WORDS: Final[dict[str, tuple[str, str]]] = {
    "title": ("Bettenanfrage - Akte des Falls", "Bed request - record of the case"),
    "case": ("Fall", "Case"),
    "version": ("Fassung", "Version"),
    "replaces": ("ersetzt Fassung", "replaces version"),
    "filed_for": ("Abgelegt für", "Filed for"),
    "filed_at": ("Abgelegt am", "Filed at"),
    "origin": ("Anfragende Klinik", "Asking hospital"),
    "requester": ("Angefragt von", "Asked by"),
    "category": ("Gesucht", "Wanted"),
    "capabilities": ("Ausstattung", "Equipment"),
    "urgency": ("Dringlichkeit", "Urgency"),
    "age_band": ("Altersgruppe", "Age band"),
    "sex": ("Geschlecht", "Sex"),
    "transport_mode": ("Transport", "Transport"),
    "created_at": ("Begonnen am", "Begun at"),
    "closed_at": ("Beendet am", "Ended at"),
    "asked": ("Angefragt", "Asked"),
    "state": ("Ausgang", "Outcome"),
    "course": ("Verlauf", "Course"),
    "clock": ("Uhr", "clock"),
    "software": ("Software der Klinik", "hospital software"),
    "conversation": ("Gespräch", "Conversation"),
    "nothing_said": ("Keine Nachricht.", "No message."),
    "promise": ("Zusage des Betts", "Promise of the bed"),
    "offered": ("angeboten von", "offered by"),
    "accepted": ("angenommen von", "accepted by"),
    "held_for": ("gehalten für Minuten", "held for minutes"),
    "receipt": ("Quittung (SHA-256)", "Receipt (SHA-256)"),
    "patient": ("Patientin/Patient", "Patient"),
    "born": ("geboren", "born"),
    "image": ("Bild", "Image"),
    "pixels": ("Pixel", "pixels"),
    "acknowledged": ("bestätigt von", "acknowledged by"),
    "ack": ("Bestätigt Nachricht", "Acknowledges message"),
    "system": ("Ereignis", "Event"),
    "unknown": ("Nachricht einer neueren Art, hier nicht darstellbar", "Message of a newer kind, not shown here"),
    "unnamed": ("Name nicht nachgewiesen", "name not proved"),
    "not_verified": ("NICHT GEPRÜFT", "NOT VERIFIED"),
    "not_readable": ("NICHT LESBAR", "NOT READABLE"),
    "not_verified_why": (
        "Die Unterschrift dieser Nachricht ist nicht nachgewiesen. Ihr Inhalt wird deshalb nicht wiedergegeben.",
        "The signature of this message is not proved. Its content is therefore not shown.",
    ),
    "not_readable_why": (
        "Diese Nachricht ließ sich hier nicht entschlüsseln.",
        "This message could not be decrypted here.",
    ),
    "image_missing": ("Das Bild liegt nicht vor", "The image is not there"),
    "missing": ("Vom Dienst nicht erhaltene Nachrichten", "Messages the service did not give"),
    "checks": ("Was geprüft ist", "What was verified"),
    "checked_signatures": ("Nachrichten mit geprüfter Unterschrift", "Messages with a verified signature"),
    "checked_epochs": ("Geprüfte Schlüsselepochen", "Verified key epochs"),
    "checked_receipts": ("Geprüfte Bettenzusagen", "Verified promises of a bed"),
    "checked_how": (
        "Jede Unterschrift wurde mit dem Geräteschlüssel geprüft, der von der gepinnten Wurzel der eigenen Klinik aus nachgewiesen ist. "
        "Namen stehen so da, wie die Registratur sie unterschrieben hat. Die Unterschriften liegen als Provenance bei.",
        "Each signature was verified with the device key proved from the pinned root of the own hospital. Names are as the registrar "
        "signed them. The signatures are filed beside this as Provenance.",
    ),
    "heads": ("Stand der Schlüsselverzeichnisse", "Heads of the key directories"),
    "head": ("Einträge, Wurzel", "entries, root"),
    "head_trouble": ("STIMMT NICHT MIT FRÜHER GESEHENEM ÜBEREIN", "DOES NOT FIT WHAT WAS SEEN BEFORE"),
    "unchecked": ("Was nicht geprüft ist", "What was not verified"),
    "unchecked_what": (
        "Bestätigungen, Schritte des Verlaufs, Empfangszeiten und die Namen der Kliniken gibt der Dienst so an; sie sind nicht einzeln "
        "unterschrieben. Die Zeit einer Nachricht ist die Uhrzeit des Geräts, das sie unterschrieben hat. Ob Nachrichten ganz am Ende "
        "fehlen, ist aus den Unterschriften nicht zu sehen.",
        "Acknowledgements, steps of the course, times of receipt and names of hospitals are as the service gives them; they are not "
        "signed one by one. A message's time is that of the device that signed it. Whether messages are missing at the very end cannot "
        "be seen from the signatures.",
    ),
    "all_verified": ("Keine Nachricht ist ungeprüft oder unlesbar.", "No message is unverified or unreadable."),
    "page": ("Seite", "Page"),
    "sent": ("gesendet", "sent"),
    "received": ("beim Dienst", "at the service"),
    "neonate": ("Neugeborenes", "newborn"),
    "infant": ("Säugling", "infant"),
    "child": ("Kind", "child"),
    "adolescent": ("Jugendliche", "adolescent"),
    "adult": ("Erwachsene", "adult"),
    "senior": ("Ältere", "senior"),
    "transport_mode-air": ("Luft", "air"),
    "transport_mode-ground": ("Boden", "ground"),
    "transport_mode-own": ("eigener", "own"),
    "sex-male": ("männlich", "male"),
    "sex-female": ("weiblich", "female"),
    "sex-other": ("divers", "other"),
    "sex-unknown": ("Geschlecht unbekannt", "sex unknown"),
    "normal": ("normal", "normal"),
    "urgent": ("dringend", "urgent"),
    "stat": ("STAT", "STAT"),
    "asap": ("sofort", "as soon as possible"),
    "routine": ("planbar", "routine"),
    "icu-high": ("Intensiv, High Care", "Intensive care, high"),
    "icu-low": ("Intensiv, Low Care", "Intensive care, low"),
    "imc": ("IMC", "Intermediate care"),
    "ward": ("Normalstation", "Ward"),
    "picu": ("Kinderintensiv", "Paediatric intensive care"),
    "nicu": ("Neonatologie, Intensiv", "Neonatal intensive care"),
    "peds": ("Pädiatrie", "Paediatrics"),
    "burn": ("Verbrennung", "Burns"),
    "nursery": ("Neugeborene", "Nursery"),
    "psych": ("Psychiatrie", "Psychiatry"),
    "rehab": ("Reha", "Rehabilitation"),
    "ed": ("Notaufnahme", "Emergency department"),
    "obstetric": ("Geburtshilfe", "Obstetrics"),
    "draft": ("nicht gefragt", "not asked"),
    "submitted": ("wartet auf Antwort", "waiting for an answer"),
    "info-requested": ("Rückfrage", "question asked"),
    "held": ("Bett gehalten", "bed held"),
    "confirmed": ("Bett bestätigt", "bed confirmed"),
    "transport-arranged": ("Transport organisiert", "transport arranged"),
    "in-transit": ("unterwegs", "in transit"),
    "arrived": ("angekommen", "arrived"),
    "declined": ("abgelehnt", "declined"),
    "cancelled": ("storniert", "cancelled"),
    "no-response": ("keine Antwort", "no answer"),
    "expired": ("Angebot abgelaufen", "offer expired"),
    "withdrawn": ("zurückgezogen", "withdrawn"),
    "diverted": ("umgeleitet", "diverted"),
    "state-acknowledged": ("gesehen", "acknowledged"),
    "submit": ("anfragen", "ask"),
    "acknowledge": ("gesehen", "acknowledge"),
    "request-info": ("Rückfrage stellen", "ask back"),
    "answer-info": ("Rückfrage beantworten", "answer"),
    "hold": ("Bett halten", "hold a bed"),
    "decline": ("ablehnen", "decline"),
    "confirm": ("Bett bestätigen", "confirm the bed"),
    "withdraw": ("zurückziehen", "withdraw"),
    "cancel": ("stornieren", "cancel"),
    "arrange-transport": ("Transport organisieren", "arrange transport"),
    "depart": ("Abfahrt", "depart"),
    "arrive": ("Ankunft", "arrive"),
    "divert": ("umleiten", "divert"),
    "expire": ("Angebot abgelaufen", "offer expires"),
    "give-up": ("keine Antwort", "no answer"),
    "ask-next": ("nächste Welle anfragen", "ask the next wave"),
    "drop": ("nicht mehr anfragbar", "cannot be asked any more"),
    "part": ("Partnerschaft beendet", "partnership ended"),
    "escalate": ("weiter alarmieren", "escalate"),
    "no-bed": ("kein Bett frei", "no bed free"),
    "no-staff": ("kein Personal", "no staff"),
    "no-capability": ("Ausstattung fehlt", "equipment missing"),
    "wrong-speciality": ("falsche Fachrichtung", "wrong speciality"),
    "diversion": ("abgemeldet", "on diversion"),
    "other": ("anderer Grund", "other reason"),
    "superseded": ("anders gelöst", "solved otherwise"),
    "died": ("verstorben", "died"),
    "improved": ("Zustand gebessert", "improved"),
    "other-hospital-confirmed": ("andere Klinik bestätigt", "another hospital confirmed"),
    "transport-impossible": ("Transport nicht möglich", "transport impossible"),
    "condition-changed": ("Zustand geändert", "condition changed"),
    "unstable": ("instabil", "unstable"),
    "destination-closed": ("Zielklinik geschlossen", "destination closed"),
}


class Words:
    """``words("title")``."""

    def __init__(self, language: str) -> None:
        self.language, self._place = language, LANGUAGES.index(language)

    def of(self, kind: str, code: str) -> str:
        """A code that means something else among others of its kind."""
        return self(f"{kind}-{code}") if f"{kind}-{code}" in _WORDS else self(code)

    def __call__(self, code: str) -> str:
        return _WORDS[code][self._place] if code in _WORDS else code
