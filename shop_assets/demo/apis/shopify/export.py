"""The lines of a bulk operation's result, and which queries can have one.

Each node of a connection is a line. A nested one names the line it belongs to by `__parentId` and
comes after it: right after it where the result is grouped, else after all of its kind of parents.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    InlineFragmentNode,
    SelectionSetNode,
    get_argument_values,
    get_named_type,
    is_leaf_type,
)

from shop_assets.demo.apis.shopify.connections import every
from shop_assets.demo.apis.shopify.cost import Query, condition_of, is_list
from shop_assets.demo.apis.shopify.resolve import Reading, looked_up, shown

_MOST_CONNECTIONS, _MOST_DEPTH = 5, 2
_AT_ONCE = 1000

Line = dict[str, Any]


class Flaw(Exception):  # noqa: N818
    """What makes a query unfit for a bulk operation."""


def flaw_of(query: Query) -> None:
    """Raise `Flaw` for a query that no bulk operation takes."""
    roots = _chosen(query, query.operation.selection_set, query.root.name)
    if len(roots) != 1:
        raise Flaw("Bulk queries must contain a single top-level field.")
    count, deepest = _looked_over(query, roots, query.root, 0, in_list=False)
    if count == 0:
        raise Flaw("Bulk queries must contain at least one connection.")
    if count > _MOST_CONNECTIONS:
        raise Flaw(f"Bulk queries cannot contain more than {_MOST_CONNECTIONS} connections.")
    if deepest > _MOST_DEPTH + 1:
        raise Flaw(
            f"Bulk queries cannot contain connections with a nesting depth greater than "
            f"{_MOST_DEPTH}."
        )


def _looked_over(
    query: Query, nodes: list[FieldNode], kind: GraphQLNamedType, depth: int, *, in_list: bool
) -> tuple[int, int]:
    """How many connections there are, and how deep they stand in each other."""
    count, deepest = 0, depth
    for node in nodes:
        if node.selection_set is None or not isinstance(kind, GraphQLObjectType):
            continue
        declared = kind.fields[node.name.value]
        of = get_named_type(declared.type)
        connection = of.name.endswith("Connection")
        if connection and in_list:
            raise Flaw(
                "Queries that contain a connection field within a list field are not supported."
            )
        listed = is_list(declared)
        below = depth + 1 if connection else depth
        if connection:
            count += 1
            inner, of = _node_of(query, node, of)
            if depth and not any(f.name.value == "id" for f in nodes):
                raise Flaw(
                    "The parent 'node' field for a nested connection must select the 'id' field "
                    "without an alias and must be of 'ID' return type."
                )
        else:
            inner = node.selection_set
        counts = [0]
        for name in _kinds(query, of):
            chosen = _chosen(query, inner, name)
            more, depth_there = _looked_over(
                query, chosen, query.schema.type_map[name], below, in_list=listed and not connection
            )
            counts.append(more)
            deepest = max(deepest, depth_there)
        count += max(counts)
        deepest = max(deepest, below)
    return count, deepest


def lines(query: Query, reading: Reading, *, grouped: bool) -> Iterator[tuple[bool, Line]]:
    """Each line of the result, and whether it is one of the outermost list."""
    [node] = _chosen(query, query.operation.selection_set, query.root.name)
    below: list[tuple[bool, Line]] = []
    for number, found in enumerate(_of_connection(query, reading, node, query.root.name, {}, None)):
        depth, line = found
        if grouped or depth == 1:
            yield depth == 1, line
        else:
            below.append((False, line))
        if not grouped and number % _AT_ONCE == _AT_ONCE - 1:
            yield from below
            below.clear()
    yield from below


def _of_connection(
    query: Query,
    reading: Reading,
    node: FieldNode,
    parent_kind: str,
    parent: Any,
    parent_id: str | None,
    depth: int = 1,
) -> Iterator[tuple[int, Line]]:
    declared = query.schema.type_map[parent_kind].fields[node.name.value]  # type: ignore[attr-defined]
    args = get_argument_values(declared, node, dict(query.variables))
    source = looked_up(reading, parent_kind, node.name.value, parent, args)
    of = get_named_type(declared.type)
    if not of.name.endswith("Connection"):
        # A single object at the top, whose connections are the result.
        for inner in _chosen(query, node.selection_set, of.name):
            if inner.selection_set is not None:
                yield from _of_connection(query, reading, inner, of.name, source, None, depth)
        return
    chosen, kind = _node_of(query, node, of)
    for each in every(source):
        if depth == 1:
            reading.begin(each)
        name = kind.name if isinstance(kind, GraphQLObjectType) else each["__typename"]
        line, nested = projected(query, reading, chosen, name, each)
        if parent_id is not None:
            line["__parentId"] = parent_id
        yield depth, line
        for inner in nested:
            yield from _of_connection(query, reading, inner, name, each, each.get("id"), depth + 1)


def projected(
    query: Query, reading: Reading, chosen: SelectionSetNode, kind: str, source: Any
) -> tuple[Line, list[FieldNode]]:
    """An object's chosen fields without its connections, and the connections."""
    line: Line = {}
    nested: list[FieldNode] = []
    of = query.schema.type_map[kind]
    for node in _chosen(query, chosen, kind):
        key = node.alias.value if node.alias else node.name.value
        if node.name.value == "__typename":
            line[key] = kind
            continue
        declared = of.fields[node.name.value]  # type: ignore[attr-defined]
        named = get_named_type(declared.type)
        if named.name.endswith("Connection"):
            nested.append(node)
            continue
        args = get_argument_values(declared, node, dict(query.variables))
        value = looked_up(reading, kind, node.name.value, source, args)
        line[key] = _value(query, reading, node, named, shown(value, named.name, args))
    return line, nested


def _value(
    query: Query, reading: Reading, node: FieldNode, kind: GraphQLNamedType, value: Any
) -> Any:
    if value is None or is_leaf_type(kind) or node.selection_set is None:
        return value
    if isinstance(value, list):
        return [_value(query, reading, node, kind, each) for each in value]
    name = value.get("__typename", kind.name) if isinstance(value, Mapping) else kind.name
    return projected(query, reading, node.selection_set, name, value)[0]


def _kinds(query: Query, of: GraphQLNamedType) -> list[str]:
    """The object types that a type stands for."""
    if isinstance(of, GraphQLObjectType):
        return [of.name]
    if is_leaf_type(of):
        return []
    return [kind.name for kind in query.schema.get_possible_types(of)]  # type: ignore[arg-type]


def _node_of(
    query: Query, node: FieldNode, of: GraphQLNamedType
) -> tuple[SelectionSetNode, GraphQLNamedType]:
    """What is chosen of a connection's nodes, and their type."""
    kind: Any = of
    for field_node in _chosen(query, node.selection_set, of.name):
        if field_node.name.value == "nodes" and field_node.selection_set is not None:
            return field_node.selection_set, get_named_type(kind.fields["nodes"].type)
        if field_node.name.value == "edges":
            edge: Any = get_named_type(kind.fields["edges"].type)
            for inner in _chosen(query, field_node.selection_set, edge.name):
                if inner.name.value == "node" and inner.selection_set is not None:
                    return inner.selection_set, get_named_type(edge.fields["node"].type)
    raise Flaw("Bulk queries must select the nodes of each connection.")


def _chosen(query: Query, chosen: SelectionSetNode | None, kind: str) -> list[FieldNode]:
    """The fields that a selection chooses of an object of that type."""
    found: list[FieldNode] = []
    for node in chosen.selections if chosen else ():
        if isinstance(node, FieldNode):
            found.append(node)
            continue
        if isinstance(node, FragmentSpreadNode):
            fragment = query.fragments[node.name.value]
            condition, inner = fragment.type_condition.name.value, fragment.selection_set
        elif isinstance(node, InlineFragmentNode):
            condition = condition_of(node, kind)
            inner = node.selection_set
        else:
            continue
        if kind in _kinds(query, query.schema.type_map[condition]):
            found += _chosen(query, inner, kind)
    return found
