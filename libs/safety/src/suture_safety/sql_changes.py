"""What statements of PostgreSQL change in objects, rights and server, by the type of their node."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from suture_safety.sql_tables import TABLES

if TYPE_CHECKING:
    from suture_safety.sql_script import Script
    from suture_safety.sql_tree import Node


def _drop(body: Node, script: Script) -> None:
    kind = body["removeType"].removeprefix("OBJECT_")
    script.expect_guard(body.get("missing_ok"))
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
        script.expect_timeouts()


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


def _view(body: Node, script: Script) -> None:
    if body.get("replace"):
        script.report("replace", "replaces a view: the old one is lost")


def _always(rule: str, message: str | None = None) -> Callable[[Any, Any], None]:
    def check(body: Node, script: Script) -> None:
        script.report(rule, message)

    return check


CHANGES: dict[str, Callable[[Any, Any], None]] = {
    **TABLES,
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
    "AlterObjectSchemaStmt": _always("rename", "moves an object to another schema"),
    "AlterSystemStmt": _always("alter-system"),
    "AlterDatabaseStmt": _always("alter-system", "changes the whole database"),
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
    "DoStmt": _always("dynamic"),
    "CallStmt": _always("dynamic"),
    "ExecuteStmt": _always("dynamic"),
    "PrepareStmt": _always("dynamic"),
    "SecLabelStmt": _always("grant", "changes a security label"),
}
