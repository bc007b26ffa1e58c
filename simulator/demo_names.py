"""Believable company names for the demo fleet.

Promise: fixed lists, so that the same seed gives the same fleet; some names are wide, marked up or decorated on purpose.
Must not know: tenants.
"""

from __future__ import annotations

import random
import re
import unicodedata

FICTIONAL = (
    "Adventure Works", "Alpine Ski House", "Bellows College", "Best For You Organics", "Blue Yonder Airlines", "City Power & Light",
    "Coho Vineyard", "Consolidated Messenger", "Fourth Coffee", "Graphic Design Institute", "Lamna Healthcare",
    "Liberty's Delightful Bakery", "Lucerne Publishing", "Margie's Travel", "Munson's Pickles", "Nod Publishers",
    "Proseware", "Relecloud", "School of Fine Art", "Southridge Video", "Tasmanian Traders", "Terra Firma", "Trey Research",
    "VanArsdel", "Woodgrove Bank", "Wide World Importers", "Humongous Insurance",
)  # fmt: skip
ODD = (
    "株式会社アトラス", "上海云图科技有限公司", "서울 물류", "[/red] Brackets Ltd", "[bold]Markup & Sons[/bold]", "Kaffee ☕ Kontor",
    "Åkerström & Øyen AS", "Crème Brûlée SARL",
)  # fmt: skip
_FIRST = (
    "Amber", "Arctic", "Baltic", "Birch", "Bright", "Cedar", "Cobalt", "Copper", "Delta", "Elm", "Ember", "Falcon", "Granite",
    "Harbour", "Hazel", "Iron", "Juniper", "Kestrel", "Lakeside", "Linden", "Maple", "Meridian", "Nordic", "North Sea",
    "Oak", "Orchard", "Osprey", "Pine", "Quartz", "Raven", "Red Clay", "River", "Rowan", "Sable", "Silver", "Spruce", "Stone",
    "Summit", "Tidal", "Union", "Valley", "Verdant", "Walnut", "West End", "Willow", "Winter",
)  # fmt: skip
_SECOND = (
    "Accounting", "Architects", "Automotive", "Bakeries", "Capital", "Care Homes", "Catering", "Clinics", "Construction",
    "Dental", "Education", "Electrical", "Energy", "Engineering", "Farms", "Foods", "Freight", "Furniture", "Hotels",
    "Insurance", "Joinery", "Labs", "Legal", "Logistics", "Marine", "Media", "Optics", "Packaging", "Pharma", "Plastics",
    "Printing", "Properties", "Rail", "Recruitment", "Robotics", "Schools", "Shipping", "Solar", "Textiles", "Timber", "Tools",
    "Transport", "Travel", "Veterinary",
)  # fmt: skip
_FORMS = ("Ltd", "GmbH", "Inc", "AG", "BV", "SA", "AB", "LLC", "& Co", "Group")


def company_names(dice: random.Random) -> list[str]:
    """Return about twenty thousand different company names in a random order, the same for the same ``dice``."""
    made = [f"{first} {second} {form}" for first in _FIRST for second in _SECOND for form in _FORMS]
    dice.shuffle(made)
    return made


def domain_label(name: str, number: int) -> str:
    """Return a DNS label for a company: ASCII letters and digits of the name, made unique by ``number`` when it is odd."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    label = re.sub(r"\b(ltd|gmbh|inc|ag|bv|sa|ab|llc|co|group)\b", "", ascii_name)
    label = re.sub(r"[^a-z0-9]", "", label)[:40]
    return label if len(label) > 3 else f"tenant{number:04d}"
