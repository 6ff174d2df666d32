"""The business: its cardholders, and the merchants they buy from."""

from __future__ import annotations

from tests.simulators.pex.entities import Cardholder, Merchant

BUSINESS_ID = 21001
BUSINESS_NAME = "Acme Construction Inc"
ADMIN_NAME = "dana.admin"
GROUPS = {
    3301: "Field",
    3302: "Project managers",
    3303: "Shop and yard",
    3304: "Office",
}

_PEOPLE = [
    ("Lee", "Foreman", 3301, "4821"),
    ("Sam", "Ortega", 3301, "0937"),
    ("José", "Núñez", 3301, "3310"),
    ("Priya", "Raman", 3302, "7702"),
    ("Walt", "Kowalski", 3303, "0054"),
    ("Mary Ann", "O'Brien", 3304, "6125"),
    ("Deshawn", "Carter", 3301, "2286"),
    ("Ingrid", "Sorensen", 3302, "9143"),
    ("Tom", "Bianchi", 3303, "5578"),
    ("Grace", "Liu", 3304, "1409"),
    ("Hector", "Ramirez-Vega", 3301, "8860"),
    ("Bill", "Ng", 3302, "4037"),
]
CARDHOLDERS = [
    Cardholder(880101 + index, first, last, group, GROUPS[group], digits)
    for index, (first, last, group, digits) in enumerate(_PEOPLE)
]

_HARDWARE = ("Deck screws 5 lb", "Concrete mix 80 lb", "Tarp 20x30", "Caulk, clear")
_LUMBER = ("2x4x8 SPF stud", "3/4 plywood CDX", "LVL beam 16 ft", "Joist hanger")
_ELECTRICAL = ("12/2 Romex 250 ft", "20A GFCI outlet", "EMT conduit 3/4", "Breaker 20A")
_FUEL = ("Diesel", "Unleaded", "DEF 2.5 gal", "Motor oil 5W-30")
_FOOD = ("Crew lunch", "Coffee", "Sandwich platter", "Bottled water")
_RENTAL = ("Skid steer, day", "Scissor lift, week", "Trencher, 4 h", "Damage waiver")
_SAFETY = ("Hard hat", "Gloves, dozen", "Safety vest", "Harness")
_ROOM = ("Room, 1 night", "Occupancy tax", "Parking")

MERCHANTS = [
    Merchant("HOMEBUILD SUPPLY #0412", "HomeBuild Supply", "5200", items=_HARDWARE),
    Merchant("ACE HARDWARE 10377", "Ace Hardware", "5251", items=_HARDWARE),
    Merchant("TRUE VALUE - OAK AVE", "True Value", "5251", items=_HARDWARE),
    Merchant("84 LUMBER 1120", "84 Lumber", "5211", "DECATUR", "IL", "62521", _LUMBER),
    Merchant("PRAIRIE STATE LUMBER", "Prairie State Lumber", "5211", items=_LUMBER),
    Merchant("GRAYBAR ELECTRIC CO", "Graybar", "5065", items=_ELECTRICAL),
    Merchant("CRESCENT ELEC SUPPLY", "Crescent Electric", "5065", items=_ELECTRICAL),
    Merchant(
        "FERGUSON ENT #1442", "Ferguson", "5074", items=("PVC elbow 2 in", "Ball valve")
    ),
    Merchant("SUNBELT RENTALS 0231", "Sunbelt Rentals", "7394", items=_RENTAL),
    Merchant("UNITED RENTALS 4410", "United Rentals", "7394", items=_RENTAL),
    Merchant("SHELL OIL 57442", "Shell", "5542", "CHICAGO", "IL", "60616", _FUEL),
    Merchant("BP#9187004 I-55", "BP", "5541", "JOLIET", "IL", "60431", _FUEL),
    Merchant("CASEYS GEN STORE 3310", "Casey's", "5541", items=_FUEL),
    Merchant("PILOT TRAVEL CTR 236", "Pilot", "5542", "MORRIS", "IL", "60450", _FUEL),
    Merchant(
        "HAMPTON INN PEORIA", "Hampton Inn", "3665", "PEORIA", "IL", "61602", _ROOM
    ),
    Merchant("MOTEL 6 #1201", "Motel 6", "3700", "ST LOUIS", "MO", "63101", _ROOM),
    Merchant("JIMMY JOHNS 1187", "Jimmy John's", "5814", items=_FOOD),
    Merchant("MARIA'S TAQUERIA", "Maria's Taqueria", "5812", items=_FOOD),
    Merchant("DUNKIN #341822", "Dunkin'", "5814", items=_FOOD),
    Merchant("GRAINGER 912", "Grainger", "5085", items=_SAFETY),
    Merchant("WHITE CAP 144", "White Cap", "5039", items=_SAFETY),
    Merchant("GREENSCAPE SOD & SEED", "Greenscape", "0780", items=("Sod, pallet",)),
    Merchant("PRAIRIE LARGE ANIMAL VET", "Prairie Vet", "0742", items=("Site visit",)),
    Merchant("CITY OF SPRINGFIELD PERMITS", "City of Springfield", "9399"),
    Merchant("STAPLES 00118", "Staples", "5943", items=("Plan copies", "Toner")),
    Merchant("AMZN MKTP US*2K41X", "Amazon", "5942", items=_SAFETY),
    Merchant(
        "WM WASTE MGMT DUMPSTER", "Waste Management", "4900", items=("20 yd dump",)
    ),
]
LONG_NAMED = Merchant(
    "MIDWEST CONCRETE FORMING & SHORING SUPPLY OF SPRINGFIELD LLC",
    "Midwest Concrete Forming & Shoring Supply",
    "5039",
    items=("Form panel 2x8", "Snap ties, box"),
)
