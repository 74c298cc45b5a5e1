"""How far the runner's own copy of rows takes a change by SQL back, without a rollback of the script's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from suture_safety.sql_tree import Node, NotPostgres, calls, parse

if TYPE_CHECKING:
    from suture_contracts.report import Reversibility

# With one of these a statement changes other rows than the table and the condition that it names.
_BEYOND_ITS_ROWS = (
    "fromClause", "usingClause", "withClause", "onConflictClause", "returningClause", "returningList",
)  # fmt: skip
# A function may change anything; of these it is known that they change nothing.
_PURE = frozenset(
    """
    now statement_timestamp clock_timestamp transaction_timestamp date_trunc extract date_part age
    make_interval to_timestamp to_char to_date lower upper btrim ltrim rtrim length concat concat_ws
    replace regexp_replace substring split_part position left right md5 abs round floor ceil mod random
    gen_random_uuid count sum min max avg bool_and bool_or string_agg array_agg row_number rank
    generate_series unnest array_append array_remove array_length cardinality jsonb_set jsonb_build_object
    jsonb_build_array to_jsonb
    """.split()  # noqa: SIM905 - as a list it fills the page
)


def undone_by_runner(text: str) -> Reversibility:
    """``exact`` where the rows and indexes named are all that changes; ``none`` where that is not sure.

    ``compensating`` with a DELETE: its rows come back, but not those that a foreign key took with them, which
    a script's text does not show. Never raises.
    """
    try:
        statements = [next(iter(tree["stmt"].items())) for tree in parse(text)]
    except NotPostgres:
        return "none"
    if not statements or not all(_stays_in_its_rows(kind, body) for kind, body in statements):
        return "none"
    return "compensating" if any(kind == "DeleteStmt" for kind, _ in statements) else "exact"


def _stays_in_its_rows(kind: str, body: Node) -> bool:
    if kind == "IndexStmt":
        # Of one that may be there already, nobody could say whether to drop it.
        known = "idxname" in body and (body.get("concurrent") or not body.get("if_not_exists"))
    elif kind in ("UpdateStmt", "DeleteStmt"):
        known = "whereClause" in body and not any(part in body for part in _BEYOND_ITS_ROWS)
    else:
        known = kind == "InsertStmt" and not any(part in body for part in _BEYOND_ITS_ROWS)
    return bool(known) and all(map(_is_pure, calls(body)))


def _is_pure(call: Node) -> bool:
    *schema, name = (part["String"]["sval"].lower() for part in call["funcname"])
    return name in _PURE and schema in ([], ["pg_catalog"])
