"""Which of CMiC's codes somebody may have meant who wrote another value: by spelling,
by name, and by zeros and separators alone.

Reads the cached codes only, each list once for all the values compared with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db import connection
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from connector.api.code_texts import folded

_MOST_NEAR = 3
# Of one list, and of all lists of one question; of longer ones the neighbours are read.
_MOST_CODES, _MOST_OF_ALL = 20_000, 60_000
_NEIGHBOURS = 20
_CANDIDATES = 12
_ALIKE, _NAMED_ALIKE = 0.6, 0.75
_SHORTEST_NAME = 4

# From each code the next is looked up, because a code stands there once for each job.
# `place` narrows to what hangs on the codes before, in the form that its index has.
_SAME = """c.tenant_id = wanted.tenant AND c.kind = wanted.kind
        AND c.company = scope.company AND c.is_active {place}"""
_OF_PLACE = "AND c.grandparent = wanted.grandparent AND c.parent = wanted.parent"
_NEXT = """
    {name} AS (
        (SELECT c.code, c.name, 1 AS step FROM connector_cmiccode c
            WHERE {same} AND c.code {first} wanted.value
            ORDER BY c.code {order} LIMIT 1)
        UNION ALL
        (SELECT next.code, next.name, {name}.step + 1 FROM {name} CROSS JOIN LATERAL (
            SELECT c.code, c.name FROM connector_cmiccode c WHERE {same}
                AND c.code {further} {name}.code ORDER BY c.code {order} LIMIT 1) next
            WHERE {name}.step < {most})
    )"""
_FROM = """
SELECT wanted.number, near.code, near.name FROM unnest(%(tenants)s::bigint[],
    %(kinds)s::text[], %(values)s::text[], %(grandparents)s::text[],
    %(parents)s::text[]) WITH ORDINALITY
    AS wanted(tenant, kind, value, grandparent, parent, number)
JOIN connector_transactionsettings chosen ON chosen.tenant_id = wanted.tenant
CROSS JOIN LATERAL unnest(ARRAY['', chosen.company_code]) AS scope(company)
CROSS JOIN LATERAL (WITH RECURSIVE {steps}) near
"""
_WHOLE = "{above} SELECT code, name FROM above"
_AROUND = """{above}, {below}
    SELECT code, name FROM above UNION SELECT code, name FROM below"""


@dataclass(frozen=True, slots=True)
class Near:
    """A code of CMiC's and its name, empty where it has none."""

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A value that CMiC does not have: of this kind, and in `place` the codes that it
    hangs on where it must hang there, the last of them next to it."""

    tenant_id: int
    kind: str
    value: str
    place: tuple[str, ...] = ()

    @property
    def shelf(self) -> Wanted:
        """The list that it is compared with."""
        return Wanted(self.tenant_id, self.kind, "", self.place)


@dataclass(frozen=True, slots=True)
class Guess:
    """`nearest` are the most alike, best first. `same` is the only code that differs in
    nothing but zeros at the beginning and separators."""

    nearest: tuple[Near, ...] = ()
    same: Near | None = None


def guesses(wanted: Sequence[Wanted]) -> list[Guess]:
    """What each may mean, in the same order; at most four queries for all of them."""
    shelves = list(dict.fromkeys(each.shelf for each in wanted))
    if not shelves:
        return []
    most = min(_MOST_CODES, _MOST_OF_ALL // len(shelves))
    whole = _read(shelves, most + 1, is_around=False)
    long = {shelf for shelf in shelves if len(whole[shelf]) > most}
    around = _read([e for e in wanted if e.shelf in long], _NEIGHBOURS, is_around=True)
    shelved = {shelf: _Shelf(whole[shelf]) for shelf in shelves if shelf not in long}
    return [
        shelved[each.shelf].guess(each.value)
        if each.shelf in shelved
        else Guess(_Shelf(around[each]).nearest(each.value))
        for each in wanted
    ]


class _Shelf:
    """One list of codes in CMiC's order, to be compared with several values."""

    def __init__(self, codes: Iterable[Near]) -> None:
        self._codes = sorted({each.code: each for each in codes}.values(), key=_code)
        self._spelt = [folded(each.code) for each in self._codes]
        self._names = [folded(each.name) for each in self._codes]
        self._by_key: dict[str, set[int]] = defaultdict(set)
        for index, each in enumerate(self._codes):
            for key in _keys(each.code):
                self._by_key[key].add(index)

    def guess(self, value: str) -> Guess:
        same = self._same(value)
        only = self._codes[min(same)] if len(same) == 1 else None
        return Guess(self.nearest(value), only)

    def nearest(self, value: str) -> tuple[Near, ...]:
        """The most alike; of those that are as much alike, the next in order."""
        wanted = folded(value)
        scores = dict.fromkeys(self._same(value), 1.0)
        words = set(wanted.replace("(", " ").replace(")", " ").split())
        for scorer, texts, least in (
            (OSA.normalized_similarity, self._spelt, _ALIKE),
            (fuzz.token_sort_ratio, self._names, _NAMED_ALIKE * 100),
        ):
            if texts is self._names and len(wanted) < _SHORTEST_NAME:
                continue
            for _, score, index in process.extract(
                wanted, texts, scorer=scorer, score_cutoff=least, limit=_CANDIDATES
            ):
                share = score / 100 if texts is self._names else score
                scores[index] = max(scores.get(index, 0.0), share)
        if len(words) > 1:
            # An option's label may have the code beside the name.
            for index in (i for i, code in enumerate(self._spelt) if code in words):
                scores[index] = 1.0
        place = sum(code < wanted for code in self._spelt)
        best = sorted(
            scores, key=lambda index: (-round(scores[index], 6), abs(index - place))
        )
        return tuple(self._codes[index] for index in best[:_MOST_NEAR])

    def _same(self, value: str) -> set[int]:
        return {index for key in _keys(value) for index in self._by_key.get(key, ())}


def _keys(text: str) -> set[str]:
    """The text without separators and the zeros at its beginning; and once more without
    those at the beginning of each part, because 24-117 is 24-0117 as well."""
    parts = "".join(char if char.isalnum() else " " for char in folded(text)).split()
    whole = "".join(parts).lstrip("0")
    by_parts = "".join(part.lstrip("0") or "0" for part in parts).lstrip("0")
    return {key for key in (whole, by_parts) if key}


def _code(near: Near) -> str:
    return near.code


def _read(
    wanted: Collection[Wanted], most: int, *, is_around: bool
) -> Mapping[Wanted, list[Near]]:
    """At most so many active codes of each list in CMiC's order, from its beginning or
    to both sides of each value."""
    found: dict[Wanted, list[Near]] = {each: [] for each in wanted}
    for place in (_OF_PLACE, ""):
        asked = [each for each in wanted if bool(each.place) == bool(place)]
        if not asked:
            continue
        above = _next("above", place, (">=", ">", ""), most)
        below = _next("below", place, ("<", "<", "DESC"), most)
        steps = (_AROUND if is_around else _WHOLE).format(above=above, below=below)
        places = [(*each.place, "", "") for each in asked]
        with connection.cursor() as cursor:
            cursor.execute(
                _FROM.format(steps=steps),
                {
                    "tenants": [each.tenant_id for each in asked],
                    "kinds": [each.kind for each in asked],
                    "values": [each.value for each in asked],
                    "grandparents": [two[0] if two[1] else "" for two in places],
                    "parents": [two[1] or two[0] for two in places],
                },
            )
            for number, code, name in cursor.fetchall():
                found[asked[number - 1]].append(Near(code, name))
    return found


def _next(name: str, place: str, signs: tuple[str, str, str], most: int) -> str:
    first, further, order = signs
    return _NEXT.format(
        name=name,
        same=_SAME.format(place=place),
        first=first,
        further=further,
        order=order,
        most=most,
    )
