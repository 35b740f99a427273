"""Who and what the demo has: five hospitals that do not exist, with figures that could."""

from dataclasses import dataclass, field

from wardline_client.protocol import Profile

ICU = "Intensivkoordination"
CHILDREN = "Neonatologie-Dienst"
BACKGROUND = "Hintergrunddienst Intensiv"


@dataclass(frozen=True)
class Figure:
    unit: str
    category: str
    staffed: int
    occupied: int
    blocked: int = 0
    capabilities: tuple[str, ...] = ()
    judgement: dict[str, object] = field(default_factory=dict)  # what the hospital says beside the counts
    beds: tuple[str, ...] = ()  # single beds, where they are tracked; they are the count
    is_fed: bool = False  # by the hospital's ADT


@dataclass(frozen=True)
class Shift:
    """Every day, in the hospital's time."""

    person: str
    begins: str
    ends: str


@dataclass(frozen=True)
class Duty:
    name: str
    categories: tuple[str, ...]
    eligible: tuple[str, ...]  # the first holds it when the demo begins
    leads_to: str = ""  # the duty that is alarmed when nobody answers
    roster: tuple[Shift, ...] = ()  # from the day after the demo began; until then who took it by hand has it


@dataclass(frozen=True)
class Member:
    key: str
    name: str
    title: str
    profession: str
    unit: str = ""
    speciality: str = ""

    @property
    def profile(self) -> Profile:
        return Profile(self.name, self.title, self.profession, self.speciality, self.unit)


@dataclass(frozen=True)
class Place:
    slug: str
    name: str
    city: str
    latitude: float
    longitude: float
    registrar: Member
    members: tuple[Member, ...]
    figures: tuple[Figure, ...]
    duties: tuple[Duty, ...]


ADULTS = ("icu-high", "icu-low", "imc")
VENTILATED = ("niv", "invasive-vent", "oxygen", "telemetry")

PLACES = (
    Place(
        slug="wiesenbrueck",
        name="Kreisklinik Wiesenbrück",
        city="Wiesenbrück",
        latitude=48.62,
        longitude=9.41,
        registrar=Member("registrar-wiesenbrueck", "Sabine Sommer", "", "registrar", "Verwaltung"),
        members=(
            Member("adler", "Johanna Adler", "Dr. med.", "physician", "Intensivstation", speciality="anaesthesia"),
            Member("falk", "Jonas Falk", "Dr. med.", "physician", "Intensivstation", speciality="anaesthesia"),
        ),
        figures=(
            Figure("Intensivstation", "icu-low", 6, 6, 0, VENTILATED),
            Figure("Intensivstation", "icu-high", 2, 2, 0, VENTILATED),
            Figure("Überwachung", "imc", 6, 5, 0, ("niv", "oxygen", "telemetry")),
            Figure("Station 2", "ward", 34, 31, 1, ("oxygen",)),
        ),
        duties=(Duty(ICU, ADULTS, ("adler", "falk"), BACKGROUND), Duty(BACKGROUND, ADULTS, ("falk", "adler"))),
    ),
    Place(
        slug="hohenfeld",
        name="Universitätsklinikum Hohenfeld",
        city="Hohenfeld",
        latitude=48.53,
        longitude=9.05,
        registrar=Member("registrar-hohenfeld", "Martin Winter", "", "registrar", "Verwaltung"),
        members=(
            Member("brandt", "Thomas Brandt", "PD Dr. med.", "physician", "ITS 1", speciality="anaesthesia"),
            Member("yilmaz", "Elif Yılmaz", "Dr. med.", "physician", "ITS 1", speciality="internal-medicine"),
            Member("vogt", "Katharina Vogt", "Prof. Dr. med.", "physician", "Neonatologie", speciality="neonatology"),
        ),
        figures=(
            Figure(
                "ITS 1",
                "icu-high",
                18,
                16,
                1,
                (*VENTILATED, "ecmo", "crrt", "isolation"),
                {"reserve_24h": 1, "reserve_72h": 3, "assessment": "available", "free_ecmo": 1, "free_crrt": 2},
            ),
            Figure("ITS 2", "icu-high", 14, 13, 0, (*VENTILATED, "crrt", "bariatric")),
            Figure("ITS 3", "icu-low", 12, 11, 1, VENTILATED, is_fed=True),
            Figure("IMC", "imc", 16, 14, 0, ("niv", "oxygen", "telemetry")),
            Figure("Neonatologie", "nicu", 12, 10, 0, ("niv", "invasive-vent", "isolation")),
            Figure("Kinderintensiv", "picu", 8, 7, 0, VENTILATED, beds=tuple(f"K {number}" for number in range(1, 9))),
        ),
        duties=(
            Duty(ICU, ADULTS, ("brandt", "yilmaz"), BACKGROUND, (Shift("yilmaz", "07:00", "19:00"), Shift("brandt", "19:00", "07:00"))),
            Duty(CHILDREN, ("nicu", "picu"), ("vogt", "yilmaz")),
            Duty(BACKGROUND, ADULTS, ("yilmaz", "brandt")),
        ),
    ),
    Place(
        slug="altenrode",
        name="Sankt-Marien-Hospital Altenrode",
        city="Altenrode",
        latitude=48.78,
        longitude=9.23,
        registrar=Member("registrar-altenrode", "Ute Lindner", "", "registrar", "Verwaltung"),
        members=(Member("keller", "Andreas Keller", "Dr. med.", "physician", "Intensivmedizin", speciality="anaesthesia"),),
        figures=(
            Figure("Intensivmedizin", "icu-high", 10, 9, 0, (*VENTILATED, "crrt"), {"assessment": "limited", "limits": ["staff"]}),
            Figure("Intensivmedizin", "icu-low", 8, 8, 0, VENTILATED),
            Figure("IMC", "imc", 10, 9, 0, ("niv", "telemetry")),
            Figure("Station 4", "ward", 40, 35, 2, ("oxygen", "isolation")),
        ),
        duties=(Duty(ICU, ADULTS, ("keller",)),),
    ),
    Place(
        slug="tannwald",
        name="Lungenklinik Tannwald",
        city="Tannwald",
        latitude=48.71,
        longitude=8.52,
        registrar=Member("registrar-tannwald", "Peter Roth", "", "registrar", "Verwaltung"),
        members=(Member("novak", "Petra Novak", "Dr. med.", "physician", "Beatmung", speciality="internal-medicine"),),
        figures=(
            Figure("Beatmung", "icu-high", 8, 7, 0, (*VENTILATED, "ecmo")),
            Figure("Weaning", "icu-low", 12, 11, 0, VENTILATED),
            Figure("Weaning", "rehab", 20, 18, 0, ("niv", "oxygen")),
        ),
        duties=(Duty(ICU, ADULTS, ("novak",)),),
    ),
    Place(
        slug="seeburg",
        name="Klinikum Seeburg",
        city="Seeburg",
        latitude=47.81,
        longitude=9.29,
        registrar=Member("registrar-seeburg", "Claudia Hartmann", "", "registrar", "Verwaltung"),
        members=(Member("weiss", "Stefan Weiß", "Dr. med.", "physician", "Anästhesie", speciality="anaesthesia"),),
        figures=(
            Figure("Anästhesie", "icu-high", 12, 12, 0, (*VENTILATED, "crrt")),
            Figure("Anästhesie", "icu-low", 6, 5, 0, VENTILATED),
            Figure("IMC", "imc", 8, 6, 0, ("niv", "telemetry")),
            Figure("Kreißsaal", "obstetric", 6, 4),
        ),
        duties=(Duty(ICU, ADULTS, ("weiss",)),),
    ),
)

NEWCOMER = Member("newcomer", "Miriam Engel", "Dr. med.", "physician", speciality="internal-medicine")
