"""The codes of one believable building contractor, the same for both simulators.

Pure data from a seed: how an API shows it, and what changes later, is left to them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

PEX_SOURCE_UUID = "0AC3DE23133C61F0E063AF811DAC5CAD"
ALL_SOURCES_UUID = "0AC3DE23133A61F0E063AF811DAC5CAD"
AP_INVOICE_UUID = "ADC78973BD751170E053508010AC2DB4"
CORRESPONDENCE_UUID = "ADC78973BD761170E053508010AC2DB4"

IN_PROGRESS = "I"
CLOSED = "C"

# The phases of a job, each with its categories.
Plan = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Company:
    code: str
    name: str
    currency: str


@dataclass(frozen=True, slots=True)
class Vendor:
    company: str
    code: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class RegistryGroup:
    company: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Job:
    company: str
    code: str
    name: str
    status_code: str
    department: str


@dataclass(frozen=True, slots=True)
class Phase:
    company: str
    job: str
    code: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Category:
    company: str
    job: str
    phase: str
    code: str
    name: str
    active: bool = True
    phase_active: bool = True


@dataclass(frozen=True, slots=True)
class Department:
    company: str
    code: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Account:
    code: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class Equipment:
    company: str
    code: str
    name: str
    active: bool = True


@dataclass(frozen=True, slots=True)
class TransactionCode:
    company: str
    equipment: str
    component: str
    code: str
    name: str


@dataclass(frozen=True, slots=True)
class ImagingSource:
    uuid: str
    name: str


@dataclass(frozen=True, slots=True)
class DocumentType:
    uuid: str
    source_uuid: str
    name: str


@dataclass
class Contractor:
    companies: list[Company] = field(default_factory=list)
    vendors: list[Vendor] = field(default_factory=list)
    groups: list[RegistryGroup] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    phases: list[Phase] = field(default_factory=list)
    categories: list[Category] = field(default_factory=list)
    departments: list[Department] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    equipment: list[Equipment] = field(default_factory=list)
    transaction_codes: list[TransactionCode] = field(default_factory=list)
    sources: list[ImagingSource] = field(default_factory=list)
    document_types: list[DocumentType] = field(default_factory=list)


COMPANIES = [
    Company("001", "Acme Construction Inc", "USD"),
    Company("002", "Acme Concrete Ltd", "CAD"),
]

VENDORS = [
    Vendor("001", "PEX01", "PEX Card Purchases"),
    Vendor("001", "MICR01", "Micron Office Supply"),
    Vendor("001", "HOMED", "Home Depot Pro"),
    Vendor("001", "FERG01", "Ferguson Plumbing"),
    Vendor("001", "GRAY01", "Graybar Electric"),
    Vendor("001", "SUNB01", "Sunbelt Rentals"),
    Vendor("001", "USCON", "US Concrete Products"),
    Vendor("001", "LUMB01", "84 Lumber"),
    Vendor("001", "WHITE1", "White Cap Supply"),
    Vendor("001", "SHELL1", "Shell Fleet"),
    Vendor("001", "0042", "City of Springfield"),
    Vendor("001", "OLD01", "Oldham Hardware (closed)", active=False),
    Vendor("002", "PEX01", "PEX Card Purchases"),
    Vendor("002", "CEMEX1", "Cement Express"),
]

GROUPS = [
    RegistryGroup("001", "PEX", "PEX card purchases"),
    RegistryGroup("001", "CMIC", "General invoices"),
    RegistryGroup("001", "SUBS", "Subcontracts"),
    RegistryGroup("002", "GEN", "General invoices"),
]

# Code, name, status; the first is the job of every example and all its rules are fixed.
JOBS = [
    ("017401", "Main Street Garage", IN_PROGRESS),
    ("016210", "Riverside Clinic", CLOSED),
    ("24.018", "Harbor View Apartments", IN_PROGRESS),
    ("24.019", "Lincoln High School Gym", IN_PROGRESS),
    ("24.022", "St. Mary's Chapel Roof", IN_PROGRESS),
    ("017402", "Oak Avenue Townhouses", IN_PROGRESS),
    ("017415", "County Courthouse Annex", IN_PROGRESS),
    ("017420", "Fire Station No. 7", IN_PROGRESS),
    ("017433", "Westfield Distribution Center", IN_PROGRESS),
    ("017450", "Airport Parking Deck B", IN_PROGRESS),
    ("018001", "Maple Grove Senior Living", IN_PROGRESS),
    ("018006", "Northgate Retail Shell", IN_PROGRESS),
    ("018010", "Union Depot Renovation", IN_PROGRESS),
    ("018017", "Elm Street Bridge", IN_PROGRESS),
    ("018024", "Data Center Fit-out", IN_PROGRESS),
    ("018031", "Brewery & Taproom", IN_PROGRESS),
    ("018045", "Public Library Branch", IN_PROGRESS),
    ("25.001", "Water Treatment Plant", IN_PROGRESS),
    ("25.004", "Stadium Concourse", IN_PROGRESS),
    ("25.007", "Veterinary Hospital", IN_PROGRESS),
    ("25.011", "Café Row Storefronts", IN_PROGRESS),
    ("25.016", "Tech Park Building 3", IN_PROGRESS),
    ("000099", "Yard and Shop", IN_PROGRESS),
    ("25.020", "Community Pool", IN_PROGRESS),
    ("015900", "Old Mill Lofts", CLOSED),
]

PHASES = {
    "01.100": "General conditions",
    "02.100": "Site work",
    "02.200": "Earthwork",
    "03.200": "Concrete reinforcing",
    "03.300": "Cast-in-place concrete",
    "03.400": "Precast concrete",
    "04.200": "Unit masonry",
    "05.100": "Structural steel",
    "06.100": "Rough carpentry",
    "07.500": "Membrane roofing",
    "08.100": "Doors and frames",
    "09.250": "Gypsum board",
    "09.900": "Painting",
    "15.400": "Plumbing",
    "16.100": "Electrical",
}

CATEGORIES = {
    "1000": "Labor",
    "2000": "Equipment rental",
    "4000": "Material",
    "5000": "Subcontract",
    "6000": "Other",
}

EXAMPLE_JOB = "017401"
EXAMPLE_PLAN: Plan = {
    "02.100": ["2000", "4000", "5000", "6000"],
    "03.200": ["1000", "4000"],
    "03.300": ["1000", "4000", "5000"],
    "06.100": ["1000", "4000", "6000"],
    "15.400": ["4000", "5000"],
    "16.100": ["4000", "5000"],
}
# On the example job, one of each kind that CMiC refuses.
INACTIVE_PHASES = {("017401", "16.100")}
INACTIVE_CATEGORIES = {("017401", "03.300", "5000")}

DEPARTMENTS = [
    Department("001", "00", "Balance sheet"),
    Department("001", "10", "Field operations"),
    Department("001", "20", "Estimating"),
    Department("001", "30", "Equipment yard"),
    Department("001", "40", "Office and administration"),
    Department("001", "90", "Former Denver office", active=False),
    Department("002", "10", "Plant"),
    Department("002", "50", "Ready-mix delivery"),
]

ACCOUNTS = [
    Account("600.001", "Office supplies"),
    Account("600.002", "Postage and freight"),
    Account("600.003", "Safety supplies"),
    Account("600.004", "Small tools"),
    Account("600.010", "Fuel"),
    Account("610.000", "Travel"),
    Account("610.100", "Meals"),
    Account("620.000", "Software and subscriptions"),
    Account("630.000", "Licenses and permits"),
    Account("600.900", "Petty cash (closed)", active=False),
]

EQUIPMENT = [
    Equipment("001", "TRK-014", "Ford F250 Pickup"),
    Equipment("001", "TRK-021", "Ram 3500 Flatbed"),
    Equipment("001", "EXC-003", "Cat 320 Excavator"),
    Equipment("001", "SKD-007", "Bobcat S650 Skid Steer"),
    Equipment("001", "GEN-002", "Generac 20 kW Generator"),
    Equipment("001", "TRK-003", "Chevy C10 (sold)", active=False),
    Equipment("002", "MIX-001", "Mack Concrete Mixer"),
]

TRANSACTION_CODES = [
    ("ENGINE", "FUEL", "Fuel"),
    ("ENGINE", "OIL", "Oil and filters"),
    ("MAINT", "FUEL", "Fuel"),
    ("MAINT", "PARTS", "Parts"),
    ("BODY", "REPAIR", "Body repair"),
]

SECOND_COMPANY_JOBS = [
    Job("002", "017401", "Harbor Slab", IN_PROGRESS, "10"),
    Job("002", "C-100", "Precast Yard", IN_PROGRESS, "50"),
]
SECOND_COMPANY_PLAN: Plan = {"03.300": ["1000", "4000"], "03.400": ["4000", "5000"]}


def build_contractor(seed: int = 1) -> Contractor:
    """The same contractor for the same seed; the example job is the same for all."""
    chance = random.Random(seed)
    contractor = Contractor(
        companies=list(COMPANIES),
        vendors=list(VENDORS),
        groups=list(GROUPS),
        departments=list(DEPARTMENTS),
        accounts=list(ACCOUNTS),
        equipment=list(EQUIPMENT),
        transaction_codes=[
            TransactionCode(item.company, item.code, *row)
            for item in EQUIPMENT
            for row in TRANSACTION_CODES
        ],
        sources=[
            ImagingSource(ALL_SOURCES_UUID, "All Sources"),
            ImagingSource(PEX_SOURCE_UUID, "PEX"),
        ],
        document_types=[
            DocumentType(AP_INVOICE_UUID, PEX_SOURCE_UUID, "AP Invoice"),
            DocumentType(CORRESPONDENCE_UUID, ALL_SOURCES_UUID, "Correspondence"),
        ],
    )
    for code, name, status in JOBS:
        contractor.jobs.append(Job("001", code, name, status, "10"))
        plan = EXAMPLE_PLAN if code == EXAMPLE_JOB else _plan(chance)
        _add_phases(contractor, "001", code, plan, chance)
    for job in SECOND_COMPANY_JOBS:
        contractor.jobs.append(job)
        _add_phases(contractor, "002", job.code, SECOND_COMPANY_PLAN, chance)
    return contractor


def _plan(chance: random.Random) -> Plan:
    others = [code for code in PHASES if code != "02.100"]
    phases = sorted(["02.100", *chance.sample(others, chance.randint(4, 7))])
    return {phase: _category_codes(chance) for phase in phases}


def _category_codes(chance: random.Random) -> list[str]:
    others = [code for code in CATEGORIES if code != "4000"]
    return sorted(["4000", *chance.sample(others, chance.randint(1, 3))])


def _add_phases(
    contractor: Contractor, company: str, job: str, plan: Plan, chance: random.Random
) -> None:
    for phase, codes in plan.items():
        active = _stays_active(job, phase, chance)
        name = PHASES[phase]
        contractor.phases.append(Phase(company, job, phase, name, active))
        for code in codes:
            still = (job, phase, code) not in INACTIVE_CATEGORIES and (
                job == EXAMPLE_JOB or code == "4000" or chance.random() > 0.03
            )
            contractor.categories.append(
                Category(company, job, phase, code, CATEGORIES[code], still, active)
            )


def _stays_active(job: str, phase: str, chance: random.Random) -> bool:
    if (job, phase) in INACTIVE_PHASES:
        return False
    return job == EXAMPLE_JOB or phase == "02.100" or chance.random() > 0.04
