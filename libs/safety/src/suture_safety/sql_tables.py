"""What statements of PostgreSQL do to tables, columns, constraints and indexes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from suture_safety.sql_script import table_of
from suture_safety.sql_tree import called, calls

if TYPE_CHECKING:
    from suture_safety.sql_script import Script
    from suture_safety.sql_tree import Node

_LONGEST_NAME = 63
# What is no name: strings, dollar quotes, comments.
_NOT_NAMES = re.compile(r"'(?:[^']|'')*'|\$(\w*)\$.*?\$\1\$|--[^\n]*|/\*.*?\*/", re.DOTALL)
_NAME = re.compile(r'"((?:[^"]|"")+)"|\b(\w{16,})\b')
# What a default may call without a rewrite of the table: they are the same for every row of a statement.
_STABLE = frozenset(
    """
    now current_timestamp transaction_timestamp statement_timestamp current_date localtimestamp current_user
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_TYPES = {
    "bpchar": ("padded-text", "char(n) pads with blanks, and is no faster"),
    "varchar": ("bounded-text", "varchar(n): to change its length later needs a lock on the table"),
    "int4": ("integer", "int ends at 2,147,483,647, and then every insert fails"),
    "int2": ("smallint", "smallint ends at 32,767, and then every insert fails"),
    "serial": ("serial", "serial ends at 2,147,483,647, and its sequence has an owner and rights of its own"),
    "serial4": (
        "serial",
        "serial ends at 2,147,483,647, and its sequence has an owner and rights of its own",
    ),
    "serial2": ("serial", "smallserial ends at 32,767"),
    "smallserial": ("serial", "smallserial ends at 32,767"),
    "bigserial": ("serial", "a sequence of bigserial has an owner and rights of its own"),
    "serial8": ("serial", "a sequence of bigserial has an owner and rights of its own"),
    "timestamp": ("no-time-zone", "timestamp without time zone means another moment on each client"),
}


def check_names(script: Script) -> None:
    """Names that PostgreSQL would cut off, in silence."""
    for quoted, bare in _NAME.findall(_NOT_NAMES.sub(" ", script.text)):
        if len((quoted or bare).encode()) > _LONGEST_NAME:
            script.where = script.place
            script.report("long-name")
            return


def check_columns(columns: Iterable[Node], script: Script) -> None:
    """The types of columns that a statement makes."""
    said: set[str] = set()
    for column in columns:
        name = _type_of(column)
        if name == "varchar" and not column["typeName"].get("typmods"):
            continue
        rule, message = _TYPES.get(name, ("", ""))
        if rule and rule not in said:
            said.add(rule)
            script.report(rule, message)


def _type_of(column: Node) -> str:
    names = column.get("typeName", {}).get("names", [{}])
    return str(names[-1].get("String", {}).get("sval", "")).lower()


def _table(body: Node, script: Script) -> None:
    """ALTER TABLE and its relatives, command by command."""
    if script.is_new(body):
        return
    before = len(script.collector.findings)
    if body.get("objtype") != "OBJECT_VIEW":
        script.expect_timeouts()
    for command in body.get("cmds", ()):
        _command(command["AlterTableCmd"], table_of(body), script)
    if len(script.collector.findings) == before:
        script.report("alter")


def _command(command: Node, table: str, script: Script) -> None:
    kind = command["subtype"]
    definition = command.get("def") or {}
    if kind == "AT_AddColumn":
        _add_column(command, definition["ColumnDef"], script)
    elif kind == "AT_AddConstraint":
        _add_constraint(definition["Constraint"], table, script)
    elif kind == "AT_ValidateConstraint":
        if script.in_transaction and f"{table}.{command.get('name')}" in script.unvalidated:
            script.report("validated-at-once")
    elif kind == "AT_AlterColumnType":
        script.report("change-type")
        check_columns([definition["ColumnDef"]], script)
    elif kind == "AT_DropConstraint":
        script.dropped.add(f"{table}.{command.get('name')}")
        script.report("drop-constraint")
    elif rule := _COMMANDS.get(kind):
        script.report(rule)


_LOOSENS = frozenset(
    """
    AT_DisableTrig AT_DisableTrigAll AT_DisableTrigUser AT_DisableRule AT_DisableRowSecurity
    AT_NoForceRowSecurity AT_ChangeOwner AT_SetLogged AT_SetUnLogged AT_SetTableSpace AT_SetAccessMethod
    AT_DropCluster AT_DropOids AT_ReplicaIdentity AT_DropInherit AT_DropOf AT_EnableReplicaTrig
    AT_EnableReplicaRule
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_COMMANDS = {
    "AT_DropColumn": "drop-column",
    "AT_SetNotNull": "set-not-null",
    "AT_DropNotNull": "drop-constraint",
    "AT_DetachPartition": "detach",
    **dict.fromkeys(_LOOSENS, "alter-table"),
}


def _add_column(command: Node, column: Node, script: Script) -> None:
    script.expect_guard(command.get("missing_ok"))
    check_columns([column], script)
    kinds = {one["Constraint"]["contype"]: one["Constraint"] for one in column.get("constraints", ())}
    stored = "CONSTR_GENERATED" in kinds or "CONSTR_IDENTITY" in kinds or "serial" in _type_of(column)
    if stored or _is_volatile(kinds.get("CONSTR_DEFAULT", {})):
        script.report("volatile-default")
    filled = stored or "CONSTR_DEFAULT" in kinds
    if not filled and ("CONSTR_NOTNULL" in kinds or "CONSTR_PRIMARY" in kinds):
        script.report("required-column")
    if "CONSTR_UNIQUE" in kinds or "CONSTR_PRIMARY" in kinds:
        script.report("add-constraint", "builds an index under an exclusive lock")
    if any(one in kinds for one in ("CONSTR_FOREIGN", "CONSTR_CHECK")):
        script.report("add-constraint")


def _is_volatile(default: Node) -> bool:
    return any(called(call) not in _STABLE for call in calls(default))


def _add_constraint(constraint: Node, table: str, script: Script) -> None:
    kind, name = constraint["contype"], constraint.get("conname")
    if constraint.get("indexname"):
        return  # the index is there already
    if constraint.get("skip_validation"):
        script.unvalidated.add(f"{table}.{name}")
    elif kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY", "CONSTR_EXCLUSION"):
        script.report("add-constraint", "builds an index under an exclusive lock")
    else:
        script.report("add-constraint")
    script.expect_guard(f"{table}.{name}" in script.dropped)


def _index(body: Node, script: Script) -> None:
    if script.is_new(body):
        return
    script.expect_guard(body.get("if_not_exists"))
    if not body.get("concurrent"):
        script.report("blocking-index")
    elif script.in_transaction:
        script.report("concurrently-in-transaction")


def _create_table(body: Node, script: Script) -> None:
    script.created.add(table_of(body))
    if body["relation"].get("relpersistence") == "t":
        return
    script.expect_guard(body.get("if_not_exists"))
    check_columns([one["ColumnDef"] for one in body.get("tableElts", ()) if "ColumnDef" in one], script)


TABLES: dict[str, Callable[[Any, Any], None]] = {
    "AlterTableStmt": _table,
    "CreateStmt": _create_table,
    "IndexStmt": _index,
}
