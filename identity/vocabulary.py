"""Codes of what somebody is and does, from closed lists: what a registrar verifies, what templates and searches speak of."""

from django.db.models import TextChoices


class Profession(TextChoices):
    PHYSICIAN = "physician"
    NURSE = "nurse"
    COORDINATOR = "coordinator"
    IT = "it"
    REGISTRAR = "registrar"


class Speciality(TextChoices):
    ANAESTHESIA = "anaesthesia"
    INTERNAL_MEDICINE = "internal-medicine"
    CARDIOLOGY = "cardiology"
    PNEUMOLOGY = "pneumology"
    NEPHROLOGY = "nephrology"
    GASTROENTEROLOGY = "gastroenterology"
    ONCOLOGY = "oncology"
    NEUROLOGY = "neurology"
    NEUROSURGERY = "neurosurgery"
    SURGERY = "surgery"
    TRAUMA = "trauma"
    CARDIAC_SURGERY = "cardiac-surgery"
    VASCULAR_SURGERY = "vascular-surgery"
    BURNS = "burns"
    PAEDIATRICS = "paediatrics"
    NEONATOLOGY = "neonatology"
    OBSTETRICS = "obstetrics"
    PSYCHIATRY = "psychiatry"
    REHABILITATION = "rehabilitation"
