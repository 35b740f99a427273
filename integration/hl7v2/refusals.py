"""Why a message is not taken: the closed list of answers other than "accepted".

Invariant: a refusal says where in the message, never what stood there: it goes into answers, logs and the table that IT reads. ``AR`` is
about the envelope (nobody has to look at the beds), ``AE`` about what the message says. The codes never change their meaning. No Django.
"""

from typing import Final, NamedTuple


class Reason(NamedTuple):
    """``number`` is of HL7 table 0357."""

    answer: str
    number: int
    sentence: str


REASONS: Final = {
    "message.unreadable": Reason("AR", 100, "This does not begin with an MSH segment of HL7 v2."),
    "message.too_large": Reason("AR", 207, "The message is larger than this listener takes."),
    "message.not_adt": Reason("AR", 200, "Only ADT messages are taken here."),
    "event.unsupported": Reason("AR", 201, "This event is not taken: send A01 A02 A03 A08 A11 A12 A13 A20."),
    "processing.unsupported": Reason("AR", 202, "Only production messages (MSH-11 P) move beds."),
    "version.unsupported": Reason("AR", 203, "HL7 versions 2.3 to 2.6 are taken."),
    "character_set.unsupported": Reason("AR", 103, "MSH-18 names none of ASCII, 8859/1, 8859/15, UNICODE UTF-8."),
    "acknowledgement.unsupported": Reason("AR", 207, "MSH-15 and MSH-16 ask for two answers: ask for one of them."),
    "control_id.missing": Reason("AR", 101, "MSH-10 is missing, or longer than 199 characters."),
    "sender.unknown": Reason("AR", 204, "No feed is set up for this sender (MSH-3, MSH-4) with this certificate or from this address."),
    "control_id.reused": Reason("AE", 205, "MSH-10 was used before, for another message."),
    "segment.missing": Reason("AE", 100, "A segment is missing, or there more than once, that may be there once."),
    "time.missing": Reason("AE", 101, "The time is missing, or has no minutes."),
    "time.unreadable": Reason("AE", 102, "This is no time of HL7."),
    "time.ahead": Reason("AE", 102, "The time lies more than 15 minutes ahead: compare the clocks and time zones."),
    "time.behind": Reason("AE", 102, "EVN-2 lies more than 30 days back: when the event happened belongs into EVN-6."),
    "text.unreadable": Reason("AE", 102, "This is not in the character set that MSH-18 names."),
    "location.missing": Reason("AE", 101, "No point of care is given."),
    "location.unknown": Reason("AE", 204, "This point of care is not mapped: map it, or say that it is not kept here."),
    "location.no_bed": Reason("AE", 101, "The point of care is kept by bed, and no bed is given."),
    "bed.unknown": Reason("AE", 204, "The unit has no such bed."),
    "bed.not_counted": Reason("AE", 204, "This unit is counted as a whole; its single beds are not tracked."),
    "status.unknown": Reason("AE", 103, "NPU-2 is none of C H I K O U (table 0116)."),
    "service.failed": Reason("AE", 207, "The service failed at this message; its operator finds it in the log by the time."),
}


class Refused(Exception):
    """``place`` is where, as segment and field: ``PV1-3``."""

    def __init__(self, code: str, place: str = "") -> None:
        super().__init__(code)
        self.code, self.place = code, place

    @property
    def reason(self) -> Reason:
        return REASONS[self.code]
