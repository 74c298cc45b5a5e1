"""What statements of PostgreSQL change in schema, rights and server, by the type of their node."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suture_safety.sql_postgres import Node, Script

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
        kind = column.get("typeName", {})
        name = kind.get("names", [{}])[-1].get("String", {}).get("sval", "").lower()
        if name == "varchar" and not kind.get("typmods"):
            continue
        rule, message = _TYPES.get(name, ("", ""))
        if rule and rule not in said:
            said.add(rule)
            script.report(rule, message)


def _table(body: Node, script: Script) -> None:
    """ALTER TABLE and its relatives, command by command."""
    name = body.get("relation", {}).get("relname", "").lower()
    if name in script.created:
        return  # a table that is new is empty, and nobody waits for it
    before = len(script.collector.findings)
    if body.get("objtype") != "OBJECT_VIEW":
        _needs_timeouts(script)
    for command in body.get("cmds", ()):
        _command(command["AlterTableCmd"], name, script)
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
    if not command.get("missing_ok") and not script.repeatable:
        script.report("not-repeatable")
    check_columns([column], script)
    kinds = {one["Constraint"]["contype"]: one["Constraint"] for one in column.get("constraints", ())}
    type_name = column.get("typeName", {}).get("names", [{}])[-1].get("String", {}).get("sval", "")
    stored = "CONSTR_GENERATED" in kinds or "CONSTR_IDENTITY" in kinds or "serial" in type_name
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
    from suture_safety.sql_postgres import nodes

    calls = (
        body["funcname"][-1]["String"]["sval"].lower() for kind, body in nodes(default) if kind == "FuncCall"
    )
    return any(name not in _STABLE for name in calls)


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
    if not script.repeatable and f"{table}.{name}" not in script.dropped:
        script.report("not-repeatable")


def _needs_timeouts(script: Script) -> None:
    if not {"lock_timeout", "statement_timeout"} <= script.settings:
        script.report("no-timeout")


def _index(body: Node, script: Script) -> None:
    if body.get("relation", {}).get("relname", "").lower() in script.created:
        return
    if not body.get("if_not_exists") and not script.repeatable:
        script.report("not-repeatable")
    if not body.get("concurrent"):
        script.report("blocking-index")
    elif script.in_transaction:
        script.report("concurrently-in-transaction")


def _drop(body: Node, script: Script) -> None:
    kind = body["removeType"].removeprefix("OBJECT_")
    if not body.get("missing_ok") and not script.repeatable:
        script.report("not-repeatable")
    if kind in ("TABLE", "SCHEMA", "FOREIGN_TABLE", "FOREIGN_SERVER", "MATVIEW") or (
        kind in ("TYPE", "EXTENSION", "DOMAIN") and body.get("behavior") == "DROP_CASCADE"
    ):
        script.report("drop", f"drops a {kind.lower().replace('_', ' ')} and all that is in it")
    elif kind == "INDEX":
        script.report("drop-index" if body.get("concurrent") else "blocking-drop-index")
    else:
        script.report("drop-object", f"drops a {kind.lower().replace('_', ' ')} that queries may need")


def _grant(body: Node, script: Script) -> None:
    everyone = any(
        one.get("RoleSpec", {}).get("roletype") == "ROLESPEC_PUBLIC" for one in body.get("grantees", ())
    )
    whole = not body.get("privileges") or body.get("grant_option") or everyone
    script.report("grant-all" if body.get("is_grant") and whole else "grant")


def _grant_role(body: Node, script: Script) -> None:
    admin = any(one["DefElem"]["defname"] == "admin" for one in body.get("opt", ()))
    mighty = any(
        one.get("AccessPriv", {})
        .get("priv_name", "")
        .startswith(("pg_execute_server", "pg_write_", "pg_read_server", "rds_superuser"))
        for one in body.get("granted_roles", ())
    )
    script.report("grant-all" if body.get("is_grant") and (admin or mighty) else "grant")


_MIGHTY = frozenset({"superuser", "bypassrls", "isreplication", "createrole"})
_QUIET_OPTIONS = frozenset({"connectionlimit", "validUntil"})


def _role(body: Node, script: Script) -> None:
    options = {one["DefElem"]["defname"]: one["DefElem"].get("arg", {}) for one in body.get("options", ())}
    given = [name for name in options if name in _MIGHTY and options[name].get("Boolean", {}).get("boolval")]
    if given:
        script.report("superuser")
    elif set(options) <= _QUIET_OPTIONS and "stmt_type" not in body:
        script.report("alter", "changes a role's limits")
    else:
        script.report("grant", "changes a role")


def _options(body: Node, key: str) -> dict[str, str]:
    """Options in brackets; one without a value is on."""
    found = {}
    for one in body.get(key, ()):
        argument = one["DefElem"].get("arg", {})
        value: dict[str, Any] = next(iter(argument.values()), {})
        found[one["DefElem"]["defname"]] = str(next(iter(value.values()), "true")).lower()
    return found


_OFF = ("false", "off", "0")


def _reindex(body: Node, script: Script) -> None:
    options = _options(body, "params")
    if options.get("concurrently", "false") in _OFF:
        script.report("reindex")
        _needs_timeouts(script)


def _vacuum(body: Node, script: Script) -> None:
    if _options(body, "options").get("full", "false") not in _OFF:
        script.report("rewrite")


def _copy(body: Node, script: Script) -> None:
    if body.get("is_program"):
        script.report("copy-program")
    elif body.get("filename"):
        script.report("server-file")


def _enum(body: Node, script: Script) -> None:
    if body.get("oldVal"):
        script.report("rename")
    elif not body.get("newValNeighbor"):
        script.report("enum-order")


def _refresh(body: Node, script: Script) -> None:
    if not body.get("concurrent"):
        script.report("blocking-refresh")


def _domain(body: Node, script: Script) -> None:
    script.report("add-constraint" if body.get("subtype") == "C" else "alter")


def _do(body: Node, script: Script) -> None:
    script.report("dynamic")


def _view(body: Node, script: Script) -> None:
    if body.get("replace"):
        script.report("replace", "replaces a view: the old one is lost")


def _always(rule: str, message: str | None = None) -> Callable[[Any, Any], None]:
    def check(body: Node, script: Script) -> None:
        script.report(rule, message)

    return check


CHANGES: dict[str, Callable[[Any, Any], None]] = {
    "AlterTableStmt": _table,
    "IndexStmt": _index,
    "DropStmt": _drop,
    "GrantStmt": _grant,
    "GrantRoleStmt": _grant_role,
    "CreateRoleStmt": _role,
    "AlterRoleStmt": _role,
    "ReindexStmt": _reindex,
    "VacuumStmt": _vacuum,
    "CopyStmt": _copy,
    "AlterEnumStmt": _enum,
    "RefreshMatViewStmt": _refresh,
    "AlterDomainStmt": _domain,
    "ViewStmt": _view,
    "DoStmt": _do,
    "TruncateStmt": _always("truncate"),
    "DropdbStmt": _always("drop", "drops a database and all that is in it"),
    "DropRoleStmt": _always("drop", "drops a role"),
    "DropTableSpaceStmt": _always("drop", "drops a tablespace"),
    "DropOwnedStmt": _always("drop", "drops all that a role owns"),
    "DropSubscriptionStmt": _always("drop", "drops a subscription"),
    "DropUserMappingStmt": _always("drop-object", "drops a user mapping"),
    "ClusterStmt": _always("rewrite"),
    "LockStmt": _always("lock"),
    "RenameStmt": _always("rename"),
    "AlterOwnerStmt": _always("grant", "gives an object to another owner"),
    "ReassignOwnedStmt": _always("grant", "gives all that a role owns to another"),
    "AlterDefaultPrivilegesStmt": _always("grant"),
    "AlterRoleSetStmt": _always("alter", "changes a role's settings"),
    "AlterObjectSchemaStmt": _always("rename", "moves an object to another schema"),
    "AlterSystemStmt": _always("alter-system"),
    "AlterDatabaseStmt": _always("alter-system", "changes the whole database"),
    "AlterDatabaseSetStmt": _always("alter", "changes the database's settings"),
    "LoadStmt": _always("native-code"),
    "CreateExtensionStmt": _always("native-code", "loads an extension into the server"),
    "CreatePLangStmt": _always("native-code", "adds a language to the server"),
    "CreateTrigStmt": _always("stored-code", "adds a trigger to every change of the table"),
    "CreateEventTrigStmt": _always("stored-code", "adds a trigger to every change of the schema"),
    "RuleStmt": _always("stored-code", "rewrites what queries on the table do"),
    "CreatePolicyStmt": _always("grant", "changes which rows a role may see"),
    "AlterPolicyStmt": _always("grant", "changes which rows a role may see"),
    "CreateSubscriptionStmt": _always("replication"),
    "AlterSubscriptionStmt": _always("replication"),
    "CreatePublicationStmt": _always("replication"),
    "AlterPublicationStmt": _always("replication"),
    "CreateForeignServerStmt": _always("replication", "connects the database to another server"),
    "CreateUserMappingStmt": _always("replication", "stores a login to another server"),
    "ImportForeignSchemaStmt": _always("replication", "connects the database to another server"),
    "CallStmt": _always("dynamic"),
    "ExecuteStmt": _always("dynamic"),
    "PrepareStmt": _always("dynamic"),
    "SecLabelStmt": _always("grant", "changes a security label"),
}
