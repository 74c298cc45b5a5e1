"""The executor's pure decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from suture_contracts.events import Run
from suture_contracts.script import ScriptDocument
from suture_contracts.target import Target
from suture_executor import domain
from suture_sandbox.runner.seen import drift


@dataclass(frozen=True)
class Offer:
    name: str
    script_types: frozenset[str]


OFFERS = {
    "local": Offer("bubblewrap", frozenset({"bash", "python"})),
    "kubernetes": Offer("kubernetes", frozenset({"bash", "kubernetes"})),
}
LOCAL = Target(id="app", kind="local", owner="me", reach={"root": "/srv/app"})


def offer_for(target: Target) -> Offer | None:
    return OFFERS.get(target.kind)


def refusal(target: Target | None = LOCAL, **script: object) -> str:
    document = ScriptDocument(**{"script_type": "bash", "body": "true", "targets": ("app",), **script})
    return domain.refusal(document, [("app", target)], offer_for)


def test_a_registered_local_target_takes_a_bash_script() -> None:
    assert refusal() == ""


@pytest.mark.parametrize(
    ("target", "script", "reason"),
    [
        (None, {}, "not registered"),
        (LOCAL.model_copy(update={"allowed_types": ("python",)}), {}, "does not take bash"),
        (LOCAL.model_copy(update={"kind": "host"}), {}, "no sandbox"),
        (LOCAL.model_copy(update={"allowed_types": ("sql",)}), {"script_type": "sql"}, "does not run sql"),
        (LOCAL, {"runner": "kubernetes"}, "asks for the runner kubernetes"),
    ],
)
def test_what_cannot_run_here_is_refused_with_its_reason(target, script, reason: str) -> None:
    assert reason in refusal(target, **script)


def test_targets_that_need_different_sandboxes_need_a_script_each() -> None:
    shop = Target(id="shop", kind="kubernetes", owner="me")
    document = ScriptDocument(script_type="bash", body="true", targets=("app", "shop"))
    assert "different kinds" in domain.refusal(document, [("app", LOCAL), ("shop", shop)], offer_for)


def runs(*outcomes: str) -> list[Run]:
    return [Run(target=f"t{number}", outcome=outcome) for number, outcome in enumerate(outcomes)]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        (("succeeded", "succeeded"), "succeeded"),
        (("already_remediated", "succeeded"), "succeeded"),
        (("already_remediated", "already_remediated"), "already_remediated"),
        (("not_applied",), "not_applied"),
        (("already_remediated", "not_applied"), "not_applied"),
        (("rolled_back", "not_applied"), "rolled_back"),
        (("rolled_back", "rolled_back"), "rolled_back"),
        (("rollback_failed", "rolled_back"), "rollback_failed"),
        (("rollback_failed", "unknown"), "unknown"),
    ],
)
def test_the_worst_run_decides(outcomes: tuple[str, ...], expected: str) -> None:
    assert domain.verdict_of(runs(*outcomes)) == expected


def test_a_rollback_counts_when_every_target_is_back() -> None:
    assert domain.rolled_back(runs("rolled_back", "rolled_back")) == "rolled_back"
    assert domain.rolled_back(runs("rolled_back", "rollback_failed")) == "rollback_failed"
    assert domain.rolled_back(runs("rolled_back", "unknown")) == "unknown"


@pytest.mark.parametrize(
    "path", ["/srv/app", "/opt/x", "/etc/nginx", "/var/lib/app", "/tmp/x", "/home/me/app"]
)
def test_an_applications_folder_may_be_a_root(path: str) -> None:
    assert domain.reach_problem(path) == ""


@pytest.mark.parametrize(
    "path",
    ["/", "/etc", "/usr", "/var", "/home", "/root", "/proc/1", "/etc/ssh", "/usr/lib/x", "app", "", None, 7,
     "/srv/../etc", "/srv/app/", "//etc", "/srv/\x00"],
)  # fmt: skip
def test_a_folder_of_the_system_may_not(path: object) -> None:
    assert domain.reach_problem(path) != ""


def test_the_same_run_has_the_same_name_and_another_target_another() -> None:
    assert domain.run_name("e", "a/b", "apply") == domain.run_name("e", "a/b", "apply")
    assert domain.run_name("e", "a/b", "apply") != domain.run_name("e", "a/c", "apply")
    assert domain.run_name("e", "../../x", "apply").count("/") == 0


def test_runs_that_would_not_fit_one_event_are_shortened() -> None:
    many = [
        run.model_copy(update={"output_tail": "x" * 65_000 + "end"}) for run in runs(*["succeeded"] * 100)
    ]
    fitted = domain.fitted(many)
    assert len(fitted) == 100
    assert sum(len(run.model_dump_json()) for run in fitted) <= domain.MOST_RUNS_BYTES
    assert all(run.output_tail.endswith("end") for run in fitted)


def test_runs_that_fit_are_left_as_they_are() -> None:
    few = runs("succeeded")
    assert domain.fitted(few) == tuple(few)


def test_what_many_targets_showed_fits_an_approval_and_still_tells_a_difference() -> None:
    seen = {f"t{n}": {f"/srv/{n}/{k}": "a" * 64 for k in range(50)} for n in range(100)}
    fitted = domain.fitted_seen(seen)
    assert len(json.dumps(fitted)) < domain.MOST_SEEN_BYTES
    assert drift(fitted["t7"], seen["t7"]) == []
    assert drift(fitted["t7"], {**seen["t7"], "/srv/7/3": "b" * 64})


def test_what_a_target_says_it_saw_is_never_longer_than_its_message_takes() -> None:
    assert set(domain.fitted_seen({"app": {"x" * 5_000: "a"}})["app"]) == {"everything"}
    few = {"app": {"/etc/app.conf": "a" * 64}}
    assert domain.fitted_seen(few) == few


def test_an_order_about_another_state_names_the_path() -> None:
    left = [{"target": "app", "after": {"/a": "1"}}]
    assert domain.unexpected({"app": {"/a": "1"}}, left) == ""
    assert domain.unexpected({}, left) == ""
    assert domain.unexpected({"app": {"/a": "2"}}, left) == "app /a"
    assert domain.unexpected({"other": {"/a": "1"}}, left) == "other"
    assert domain.unexpected({"app": "all"}, left) == "app"


def test_an_agent_acts_on_what_it_owns_and_others_on_everything() -> None:
    assert domain.may_ask("agent", "me", ["me"])
    assert not domain.may_ask("agent", "me", ["me", "you"])
    assert domain.may_ask("operator", "me", ["you"])
