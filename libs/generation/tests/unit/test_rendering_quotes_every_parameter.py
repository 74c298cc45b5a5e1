"""A parameter is one word of a script, whatever it contains; where quoting is not enough, it may not go."""

from __future__ import annotations

import subprocess
import time
from typing import Any

import pytest
from suture_contracts.template import Template
from suture_generation.errors import GenerationError, ParametersInvalid, RenderRefused, TemplateInvalid
from suture_generation.render import CompiledTemplate, TemplateCache, check_template

HOSTILE = (
    "$(touch owned)",
    "`touch owned`",
    "'; touch owned; '",
    '"; touch owned; "',
    "a\ntouch owned",
    "* ? [a-z] ~ {1..9}",
    "-rf /",
    "${HOME}",
    "#no comment",
    "\\",
    "ünïcode ✓",
    "",
)


def template(body: str, **changes: Any) -> Template:
    parameters = {"type": "object", "additionalProperties": False, "properties": {"value": {}}}
    fields = {
        "id": "sample",
        "title": "A sample",
        "categories": ("Other",),
        "parameters": parameters,
        "body": body,
        **changes,
    }
    return Template.model_validate(fields)


@pytest.mark.parametrize("value", HOSTILE)
def test_bash_sees_a_hostile_parameter_as_the_text_that_it_is(value: str, tmp_path: Any) -> None:
    made = CompiledTemplate(template('value={{ value }}\nprintf %s "$value"\n')).render({"value": value})
    ran = subprocess.run(["bash", "-c", made.body], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert ran.stdout == value
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", HOSTILE)
def test_a_list_of_hostile_parameters_keeps_its_words(value: str) -> None:
    made = CompiledTemplate(template('values=({{ value }})\nprintf "%s|" "${values[@]}"\n')).render(
        {"value": [value, "b"]}
    )
    ran = subprocess.run(["bash", "-c", made.body], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{value}|b|"


@pytest.mark.parametrize("value", HOSTILE)
def test_python_sees_a_hostile_parameter_as_the_text_that_it_is(value: str) -> None:
    body = "import sys\nvalue = {{ value }}\nsys.stdout.write(value)\n"
    made = CompiledTemplate(template(body, script_type="python")).render({"value": value})
    namespace: dict[str, Any] = {}
    exec(compile(made.body.replace("sys.stdout.write(value)", ""), "made", "exec"), namespace)  # noqa: S102
    assert namespace["value"] == value


def test_sql_doubles_quotes_and_refuses_backslashes() -> None:
    sql = CompiledTemplate(template("SELECT 1 WHERE name = {{ value }};\n", script_type="sql"))
    assert sql.render({"value": "O'Neill'; DROP TABLE x; --"}).body == (
        "SELECT 1 WHERE name = 'O''Neill''; DROP TABLE x; --';\n"
    )
    with pytest.raises(RenderRefused, match="backslash"):
        sql.render({"value": "\\' OR 1=1"})


def test_yaml_takes_a_parameter_as_one_scalar() -> None:
    made = CompiledTemplate(template("metadata:\n  name: {{ value }}\n", script_type="kubernetes")).render(
        {"value": "x\nkind: Secret"}
    )
    assert made.body == 'metadata:\n  name: "x\\nkind: Secret"\n'


@pytest.mark.parametrize(
    "body",
    [
        'echo "{{ value }}"\n',
        "echo '{{ value }}'\n",
        "# about {{ value }}\n",
        "cat <<EOF\n{{ value }}\nEOF\n",
        "echo $(( {{ value }} + 1 ))\n",
        "{{ value }}\n",
        "rm -f {{ value }}\n",
        'x="a\nvalue={{ value }}\n"\n',
        "{% if value %}a={% endif %}{{ value }}\n",
        "a={% if value %}#{% endif %}{{ value }}\n",
        "PATH={{ value }}\n",
        "eval {{ value }}\n",
    ],
)
def test_a_parameter_is_refused_wherever_quoting_would_not_hold(body: str) -> None:
    with pytest.raises(TemplateInvalid, match="line"):
        CompiledTemplate(template(body))


@pytest.mark.parametrize(
    "body",
    [
        "SELECT '{{ value }}';\n",
        "-- {{ value }}\n",
        "/* {{ value }} */\n",
        'SELECT "{{ value }}";\n',
        "SELECT $x${{ value }}$x$;\n",
    ],
)
def test_sql_refuses_a_parameter_inside_quotes_and_comments(body: str) -> None:
    with pytest.raises(TemplateInvalid):
        CompiledTemplate(template(body, script_type="sql"))


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        ("{% for i in range(1000000000) %}x{% endfor %}", "For"),
        ("{{ value.__class__.__mro__ }}", "Getattr"),
        ("{{ value['x'] }}", "Getitem"),
        ("{{ value() }}", "Call"),
        ("{{ 'a' * 1000000000 }}", "Mul"),
        ("{{ value | attr('x') }}", "attr"),
        ("{{ value | safe }}", "safe"),
        ("{% include 'x' %}", "Include"),
        ("{% macro m() %}{% endmacro %}", "Macro"),
        ("{% set x = 1 %}", "Assign"),
        ("{{ value", "unexpected"),
    ],
)
def test_what_is_more_than_parameters_and_conditions_is_not_part_of_the_language(
    expression: str, named: str
) -> None:
    with pytest.raises(TemplateInvalid, match=named):
        CompiledTemplate(template(f"a={expression}\n"))


def test_an_undefined_variable_is_named() -> None:
    with pytest.raises(ParametersInvalid, match="unknown_name"):
        CompiledTemplate(template("a={{ unknown_name }}\n")).render({"value": "x"})


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("body", {"body": "{% if unknown_name %}\ntrue\n{% endif %}\n"}),
        ("verify", {"verify": "a={{ unknown_name }}\n"}),
        ("writes", {"writes": ("/srv/{{ unknown_name | basename }}",)}),
    ],
)
def test_an_undefined_variable_is_named_without_any_example(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(TemplateInvalid, match="unknown_name") as caught:
        check_template(template(changes.pop("body", "a={{ value }}\n"), **changes))
    assert caught.value.field == field
    assert "value" in str(caught.value.remedy)


def test_an_unknown_parameter_is_named_with_those_that_there_are() -> None:
    with pytest.raises(ParametersInvalid) as caught:
        CompiledTemplate(template("a={{ value }}\n")).render({"value": "x", "other": "y"})
    assert caught.value.field == "other"
    assert caught.value.remedy == "its parameters: value"


def test_a_parameter_of_a_megabyte_is_refused_by_name() -> None:
    with pytest.raises(ParametersInvalid) as caught:
        CompiledTemplate(template("a={{ value }}\n")).render({"value": "x" * 1_000_000})
    assert caught.value.field == "value"


def test_a_missing_parameter_is_refused_with_its_source() -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": ["value"],
        "properties": {"value": {"type": "string", "x-fact": "config_path"}},
    }
    with pytest.raises(ParametersInvalid, match="fact config_path"):
        CompiledTemplate(template("a={{ value }}\n", parameters=schema)).render({})


@pytest.mark.parametrize("write", ["relative", "/a/../b", "/a//b", "/nul\x00"])
def test_a_path_that_is_not_absolute_and_normal_is_refused(write: str) -> None:
    made = CompiledTemplate(template("a={{ value }}\n", writes=("{{ value }}",)))
    with pytest.raises(GenerationError):
        made.render({"value": write})


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({"type": "object", "additionalProperties": True}, "closed object"),
        ({"$ref": "http://127.0.0.1:1/schema"}, "ref"),
        ({"type": "object", "properties": {"a": {"$ref": "#/x"}}}, "ref"),
        ({"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}, "repeats a repetition"),
        ({"type": "object", "properties": {"a": {"pattern": "("}}}, "pattern"),
        ({"type": "object", "properties": {"a": {"type": "nonsense"}}}, "not valid"),
        ({"type": "array"}, "closed object"),
    ],
)
def test_a_schema_that_reaches_out_or_runs_away_is_refused(schema: dict[str, Any], named: str) -> None:
    with pytest.raises(TemplateInvalid, match=named):
        CompiledTemplate(template("echo\n", parameters=schema))


def test_the_cache_tells_two_texts_under_one_revision_apart() -> None:
    cache = TemplateCache(size=1)
    first = cache.compiled(template("a={{ value }}\n"))
    assert cache.compiled(template("a={{ value }}\n")) is first
    other = cache.compiled(template("b={{ value }}\n"))
    assert other is not first
    assert other.render({"value": "x"}).body == "b=x\n"


def test_a_thousand_scripts_take_less_than_a_second_and_a_half_of_cpu() -> None:
    cache = TemplateCache()
    sample = template('a={{ value }}\nprintf %s "$a"\n' * 1, writes=("/srv/{{ value }}",))
    began = time.process_time()
    for number in range(1000):
        cache.compiled(sample.model_copy()).render({"value": f"x{number}"})
    assert time.process_time() - began < 1.5
