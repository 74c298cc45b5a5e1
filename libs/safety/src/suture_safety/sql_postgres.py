"""PostgreSQL through its own grammar: what each statement does, by the tree that the server would build."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from suture_safety.sql_changes import CHANGES
from suture_safety.sql_rules import guard, is_system_table
from suture_safety.sql_script import Script
from suture_safety.sql_tables import check_names
from suture_safety.sql_tree import NotPostgres, at, called, calls, constants, nodes, parse

if TYPE_CHECKING:
    from suture_safety.bounds import Budget
    from suture_safety.collector import Collector
    from suture_safety.sql_tree import Node

_IGNORED = re.compile(r"(?:\s++|--[^\n]*+(?:\n|$)|/\*.*?\*/)*+", re.DOTALL)
_DATA = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})
_HARMLESS = frozenset(
    """
    ExplainStmt VariableShowStmt CheckPointStmt CommentStmt DiscardStmt ListenStmt NotifyStmt UnlistenStmt
    ClosePortalStmt DeclareCursorStmt FetchStmt ConstraintsSetStmt DeallocateStmt CreateStatsStmt
    AlterStatsStmt CompositeTypeStmt CreateEnumStmt CreateSeqStmt AlterSeqStmt CreateSchemaStmt
    CreateTableAsStmt
    """.split()  # noqa: SIM905 - as a list it fills the page
)


def check_script(
    trees: list[Node], text: str, collector: Collector, budget: Budget, place: tuple[int, int]
) -> None:
    """Findings on every statement of a text."""
    script = Script(text, collector, budget, place, count=len(trees))
    check_names(script)
    data = text.encode()
    start = behind = 0
    for tree in trees:
        budget.check()
        # The tree counts in bytes; statement by statement, so that no part of the text is decoded twice.
        location = tree.get("stmt_location", 0)
        start, behind = start + len(data[behind:location].decode(errors="replace")), location
        skipped = _IGNORED.match(text, start)
        script.where = at(text, skipped.end() if skipped else start, place)
        ((kind, body),) = tree["stmt"].items()
        check_statement(kind, body, script)
    if script.in_transaction:
        script.report("uncommitted")


def check_statement(kind: str, body: Node, script: Script) -> None:
    if kind in _HANDLERS:
        _HANDLERS[kind](body, script)
    elif kind not in _DATA and kind not in _HARMLESS:
        script.collector.effects.complete = False
        script.report("not-analysed")
    for nested, inner in nodes({kind: body}):
        _check_nested(nested, inner, script)


def _check_nested(kind: str, body: Node, script: Script) -> None:
    if kind in ("DeleteStmt", "UpdateStmt"):
        _check_rows(kind, body, script)
    elif kind == "SelectStmt":
        _check_ended_sessions(body, script)
    elif kind == "MergeStmt":
        _check_merge(body, script)
    elif kind == "FuncCall":
        _check_call(body, script)


def _check_call(body: Node, script: Script) -> None:
    name = called(body)
    if name in _BEYOND_THE_DATA:
        script.report("dangerous-function", f"calls {name}: it reaches beyond the data")
    elif name == "set_config":
        given = [text for one in body.get("args", ())[:2] for text in constants(one)]
        if len(given) == 2:
            _check_guard(given[0], given[1], script)


def _check_merge(body: Node, script: Script) -> None:
    """A merge whose condition compares nothing matches every row."""
    for one in body.get("mergeWhenClauses", ()):
        command = one.get("MergeWhenClause", {}).get("commandType")
        if command in ("CMD_DELETE", "CMD_UPDATE") and not _names_a_column(body.get("joinCondition")):
            script.report("delete-all" if command == "CMD_DELETE" else "update-all")


_BEYOND_THE_DATA = frozenset(
    """
    pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file lo_import lo_export lo_put
    pg_execute_server_program dblink dblink_exec dblink_connect dblink_send_query pg_sleep pg_sleep_for
    pg_sleep_until pg_reload_conf pg_rotate_logfile pg_promote pg_switch_wal pg_file_write pg_file_unlink
    pg_file_rename query_to_xml database_to_xml
    load_file sys_exec sys_eval sleep benchmark lo_unlink load_extension xp_cmdshell writefile readfile
    pg_logdir_ls pg_drop_replication_slot pg_replication_slot_advance
    """.split()  # noqa: SIM905 - as a list it fills the page
)
_ENDS_SESSIONS = frozenset({"pg_terminate_backend", "pg_cancel_backend"})


def _check_ended_sessions(select: Node, script: Script) -> None:
    """Every session that a query finds, since no condition chooses."""
    if any(
        _chooses(body.get("whereClause")) or body.get("limitCount")
        for _, body in nodes({"SelectStmt": select})
    ):
        return
    for call in calls(select.get("targetList", [])):
        name = called(call)
        if name in _ENDS_SESSIONS and any(kind == "ColumnRef" for kind, _ in nodes(call.get("args", []))):
            script.report("ends-sessions", f"calls {name} for every session that there is")


def _chooses(where: Node | None) -> bool:
    """Whether a condition leaves out more than the session that asks."""
    return where is not None and any(
        kind in ("A_Const", "SubLink", "ParamRef", "SQLValueFunction")
        or (kind == "FuncCall" and called(body) != "pg_backend_pid")
        for kind, body in nodes(where)
    )


def _names_a_column(where: Node | None) -> bool:
    """Whether a condition depends on the row: not ``true``, ``1 = 1``, ``a = a``, ``a = 1 OR true``."""
    if where is None:
        return False
    ((kind, body),) = where.items()
    if kind == "BoolExpr" and body.get("boolop") == "OR_EXPR":
        return all(_names_a_column(one) for one in body.get("args", ()))
    if kind == "A_Expr" and _column(body.get("lexpr")) == _column(body.get("rexpr")) != "":
        return False
    return any(found in ("ColumnRef", "SelectStmt", "CurrentOfExpr", "SubLink") for found, _ in nodes(where))


def _column(node: Node | None) -> str:
    fields = (node or {}).get("ColumnRef", {}).get("fields", ())
    return ".".join(one.get("String", {}).get("sval", "") for one in fields)


def _check_rows(kind: str, body: Node, script: Script) -> None:
    deletes = kind == "DeleteStmt"
    rule, verb = ("delete-all", "deletes") if deletes else ("update-all", "changes")
    if script.is_new(body):
        return
    relation = body.get("relation", {})
    if is_system_table(f"{relation.get('schemaname', '')}.{relation.get('relname', '')}".lstrip(".")):
        script.report("system-catalog")
    where = body.get("whereClause")
    if where is None:
        script.report(rule, f"{verb} every row: there is no WHERE")
    elif not _names_a_column(where):
        script.report(rule, f"{verb} every row: its WHERE names no column")


def _transaction(body: Node, script: Script) -> None:
    kind = body.get("kind", "")
    if kind in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
        if script.in_transaction:
            script.report("nested-transaction")
        script.in_transaction = True
    elif kind in ("TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE"):
        script.in_transaction = False
        script.unvalidated.clear()


def _setting(body: Node, script: Script) -> None:
    name = str(body.get("name", "")).lower()
    if body.get("kind") == "VAR_RESET" and name in ("master", "slave", "replica"):
        # MySQL's way to drop its logs reads as a setting here, and PostgreSQL has none of these names.
        script.report("server")
    script.settings.add(name)
    _check_value(body, script)


def _check_value(setting: Node, script: Script) -> None:
    if setting.get("kind") == "VAR_SET_VALUE":
        value = " ".join(text for one in setting.get("args", ()) for text in constants(one))
        _check_guard(str(setting.get("name", "")).lower(), value, script)


def _check_guard(name: str, value: str, script: Script) -> None:
    broken = guard(name, value)
    if broken is not None:
        script.report(broken["id"], f"sets {name}: {broken['message']}")


def _setting_of(body: Node, script: Script) -> None:
    """``ALTER ROLE … SET``, ``ALTER DATABASE … SET``."""
    script.report("alter", "changes the settings of a role or database")
    setting = body.get("setstmt", {})
    _check_value(setting.get("VariableSetStmt", setting), script)


def _function(body: Node, script: Script) -> None:
    """A function in SQL is read; one in another language is not."""
    options = {one["DefElem"]["defname"]: one["DefElem"].get("arg") for one in body.get("options", ())}
    language = str((options.get("language") or {}).get("String", {}).get("sval", "")).lower()
    code = [
        one.get("String", {}).get("sval", "")
        for one in (options.get("as") or {}).get("List", {}).get("items", ())
    ]
    if body.get("replace"):
        script.report("replace", "replaces a function: the old one is lost")
    if language != "sql" or len(code) != 1:
        script.report("stored-code", "stores a function whose body is not analysed")
        return
    _nested_text(code[0], script)


def _nested_text(code: str, script: Script) -> None:
    if not script.collector.deeper():
        return
    try:
        check_script(parse(code), code, script.collector, script.budget, script.where)
    except NotPostgres:
        script.report("stored-code", "stores a function whose body cannot be read")
    finally:
        script.collector.nested -= 1


_HANDLERS = {
    **CHANGES,
    "TransactionStmt": _transaction,
    "VariableSetStmt": _setting,
    "AlterRoleSetStmt": _setting_of,
    "AlterDatabaseSetStmt": _setting_of,
    "CreateFunctionStmt": _function,
}
