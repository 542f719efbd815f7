"""What a query costs before and after it runs, and the bucket that the points come from.

An object costs 1 point, a scalar none, a connection 2 points and its objects, a mutation 10; of an
interface's or a union's fragments the dearest counts. Before a query runs, lists count as long as
they may become; afterwards, the difference is given back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NamedTypeNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)

MOST = 1000
_MUTATION, _CONNECTION, _UNSIZED = 10, 2, 1
Fragments = Mapping[str, FragmentDefinitionNode]


@dataclass(frozen=True)
class Query:
    """An operation, ready to be walked through."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: Fragments
    variables: Mapping[str, Any]

    @classmethod
    def of(
        cls, schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]
    ) -> Query:
        """The document's first operation."""
        operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
        fragments = {
            d.name.value: d for d in document.definitions if isinstance(d, FragmentDefinitionNode)
        }
        return cls(schema, operations[0], fragments, variables)

    @property
    def root(self) -> GraphQLObjectType:
        """The type that the operation begins at."""
        kind = self.schema.get_root_type(self.operation.operation)
        if kind is None:
            raise TypeError(f"the schema has no {self.operation.operation.value}")
        return kind

    def requested(self) -> int:
        """What the query costs at the most."""
        base = _MUTATION if self.operation.operation is OperationType.MUTATION else 0
        return base + self._selected(self.operation.selection_set, self.root, ...)

    def actual(self, data: Mapping[str, Any] | None) -> int:
        """What it has cost, by its answer."""
        base = _MUTATION if self.operation.operation is OperationType.MUTATION else 0
        return base + self._selected(self.operation.selection_set, self.root, data)

    def _selected(self, chosen: SelectionSetNode, kind: GraphQLNamedType, data: Any) -> int:
        """`data`: the answer's part; `...` before there is one."""
        plain, branches = 0, [0]
        for node in chosen.selections:
            if isinstance(node, FieldNode):
                plain += self._field(node, kind, data)
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                of, inner = fragment.type_condition.name.value, fragment.selection_set
            elif isinstance(node, InlineFragmentNode):
                of = condition_of(node, kind.name)
                inner = node.selection_set
            else:
                continue
            cost = self._selected(inner, self.schema.type_map[of], data)
            if of == kind.name:
                plain += cost
            else:
                branches.append(cost)
        return plain + max(branches)

    def _field(self, node: FieldNode, kind: GraphQLNamedType, data: Any) -> int:
        if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            return 0
        declared = kind.fields.get(node.name.value)
        if declared is None or node.selection_set is None:
            return 0
        of = get_named_type(declared.type)
        if is_leaf_type(of):
            return 0
        key = node.alias.value if node.alias else node.name.value
        value = data if data is ... else (data or {}).get(key)
        if value is None:
            return 0
        if of.name.endswith("Connection"):
            return self._connection(node, of, value)
        if is_list(declared):
            length = self._length(node)
            # Of a list that cannot be asked for in part, one object counts.
            items = [...] * length if value is ... else value[:length]
            return sum(1 + self._selected(node.selection_set, of, item) for item in items if item)
        return 1 + self._selected(node.selection_set, of, value)

    def _connection(self, node: FieldNode, of: GraphQLNamedType, value: Any) -> int:
        """The nodes, whether they stand in `edges` or in `nodes`; what is around them is free."""
        if not isinstance(of, GraphQLObjectType) or node.selection_set is None:
            return 0
        cost = _CONNECTION
        for part in _fields(node.selection_set):
            if part.name.value not in ("edges", "nodes") or part.selection_set is None:
                continue
            key = part.alias.value if part.alias else part.name.value
            items = [...] * self._length(node) if value is ... else value.get(key) or []
            inner = part.selection_set
            kind = get_named_type(of.fields[part.name.value].type)
            if part.name.value == "edges":
                nested = next((f for f in _fields(inner) if f.name.value == "node"), None)
                if nested is None or nested.selection_set is None:
                    continue
                name = nested.alias.value if nested.alias else "node"
                edge: Any = kind
                kind = get_named_type(edge.fields["node"].type)
                inner = nested.selection_set
                items = [item if item is ... else item.get(name) for item in items]
            if items and items[0] is ...:
                cost += len(items) * (1 + self._selected(inner, kind, ...))
            else:
                cost += sum(1 + self._selected(inner, kind, item) for item in items if item)
        return cost

    def _length(self, node: FieldNode) -> int:
        for argument in node.arguments:
            if argument.name.value in ("first", "last", "ids"):
                return self._count(argument.value)
        return _UNSIZED

    def _count(self, value: ValueNode) -> int:
        given: Any = None
        if isinstance(value, VariableNode):
            given = self.variables.get(value.name.value)
        elif isinstance(value, IntValueNode):
            given = int(value.value)
        elif isinstance(value, ListValueNode):
            given = value.values
        if isinstance(given, list | tuple):
            return len(given)
        return int(given) if given is not None else _UNSIZED


def condition_of(node: InlineFragmentNode, kind: str) -> str:
    """The type that an inline fragment is for; the type it stands in, where it names none."""
    condition: NamedTypeNode | None = node.type_condition
    return kind if condition is None else condition.name.value


def is_list(declared: GraphQLField) -> bool:
    """Whether a field gives a list."""
    kind: Any = declared.type
    return is_list_type(kind.of_type if is_non_null_type(kind) else kind)


def _fields(chosen: SelectionSetNode) -> list[FieldNode]:
    return [node for node in chosen.selections if isinstance(node, FieldNode)]


@dataclass
class Bucket:
    """Points that a query takes and time gives back. `now`: seconds, of any clock."""

    now: Callable[[], float]
    maximum: float = 2000.0
    restore_rate: float = 100.0
    _level: float | None = None
    _at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, points: float) -> bool:
        """Take the points, if there are so many."""
        with self._lock:
            level = self._restored()
            if points > level:
                return False
            self._level = level - points
            return True

    def give_back(self, points: float) -> None:
        """What a query did not need after all."""
        with self._lock:
            self._level = min(self.maximum, self._restored() + points)

    def status(self) -> dict[str, float]:
        """The `throttleStatus` of an answer."""
        with self._lock:
            level = self._restored()
        return {
            "maximumAvailable": self.maximum,
            "currentlyAvailable": float(int(level)),
            "restoreRate": self.restore_rate,
        }

    def _restored(self) -> float:
        now = self.now()
        if self._level is None:
            self._level = self.maximum
        else:
            passed = max(0.0, now - self._at)
            self._level = min(self.maximum, self._level + passed * self.restore_rate)
        self._at = now
        return self._level
