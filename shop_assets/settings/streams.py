"""What every source and each of its streams has, whatever kind of system it is."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field, model_validator

from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.settings.mapping import Condition, EntityMapping
from shop_assets.settings.values import Name, Strict, TimeZone, WrongValueError


class StreamBase(Strict):
    """What every stream has: what its rows become."""

    entities: dict[str, EntityMapping]
    """The entities (see the data dictionary) that its rows become, and how."""
    busy: bool = False
    """Whether rows are expected every hour, so that an hour without any is suspect."""
    changed_columns: tuple[str, ...] = ()
    """Columns that the source has dropped or given another type, once the mappings take that as it
    is. An entity that needs such a column stops until it is named here."""

    @model_validator(mode="after")
    def _known_entities(self) -> StreamBase:
        for name, mapping in self.entities.items():
            if name not in ENTITIES:
                raise WrongValueError(
                    f"no such entity: {name}",
                    f"one of {', '.join(ENTITIES)}",
                    at=("entities", name),
                )
            _check_fields(ENTITIES[name], mapping)
        return self

    @property
    def rewrites(self) -> Rewriting | None:
        """By what rows that were read may change or go later; None if the stream says nothing."""
        return None

    @model_validator(mode="after")
    def _appends_what_has_no_versions(self) -> StreamBase:
        for name, mapping in self.entities.items():
            if ENTITIES[name].versioned:
                continue
            found = self.rewrites or _deletion(mapping, ("entities", name))
            if found is not None:
                never = f"{name}, of which none changes or goes once its hour is loaded"
                raise WrongValueError(f"{found.what} of {never}", found.instead, at=found.at)
        return self


@dataclass(frozen=True)
class Rewriting:
    """An option by which rows change or go later: where it stands, what it is, and what to say."""

    at: tuple[str | int, ...]
    what: str
    instead: str


def _deletion(mapping: EntityMapping, at: tuple[str | int, ...]) -> Rewriting | None:
    """The first field or rule that marks rows of the entity as deleted."""
    deleted = mapping.fields.get("deleted")
    place: tuple[str | int, ...] = ("fields", "deleted")
    if deleted is None or deleted.value is not None:
        marking = (n for n, rule in enumerate(mapping.rules) if rule.set.get("deleted"))
        if (number := next(marking, None)) is None:
            return None
        place = ("rules", number, "set", "deleted")
    return Rewriting((*at, *place), "a mark of deletion", "no such mark")


def _check_fields(spec: TableSpec, mapping: EntityMapping) -> None:
    """Refuse fields that the entity does not have, and a key that nothing gives."""
    at: tuple[str | int, ...] = ("entities", spec.name)
    settable = [name for name in spec.column_names if name != "source"]
    named: list[tuple[str, tuple[str | int, ...]]] = [
        (field, (*at, "fields", field)) for field in mapping.fields
    ]
    conditions: list[tuple[dict[str, Condition], tuple[str | int, ...]]] = [
        (mapping.only_when or {}, (*at, "only_when"))
    ]
    for number, rule in enumerate(mapping.rules):
        named += [(field, (*at, "rules", number, "set", field)) for field in rule.set]
        conditions.append((rule.when, (*at, "rules", number, "when")))
    for field, place in named:
        if field not in settable:
            raise WrongValueError(
                f"{field} is no field of {spec.name} that can be set",
                f"one of {', '.join(settable)}",
                at=place,
            )
    for when, place in conditions:
        for name in when:
            if name.startswith("@") and name[1:] not in spec.column_names:
                raise WrongValueError(
                    f"{name[1:]} is no field of {spec.name}",
                    f"one of {', '.join(spec.column_names)}",
                    at=(*place, name),
                )
    for key in spec.key:
        if key in settable and key not in mapping.fields:
            raise WrongValueError(
                f"nothing says where {key}, a key of {spec.name}, comes from",
                f"{key} with a column",
                at=(*at, "fields"),
            )


class SourceBase(Strict):
    """What every source has."""

    timezone: TimeZone = "UTC"
    """Of times that name none."""
    overlap_minutes: int = Field(default=0, ge=0, le=24 * 60)
    """How far before the hour it is read again, for rows that become visible late."""
    pays_for: tuple[Name, ...] | None = None
    """Of a source with charges or payments: the sources whose orders these pay for; all, if not
    given. Needed where two shops number their orders alike, or where one is paid elsewhere."""

    @property
    def whole(self) -> frozenset[str]:
        """The streams of which a load may see all rows, so that a row that is missing is gone."""
        return frozenset()
