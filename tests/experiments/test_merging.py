"""Settings from a file, --set and flags: every value is used or refused, and where a request goes is never lost."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

import akrasia as ak
from akrasia.errors import BadOption, UnknownName, UsageError
from akrasia.experiments.config import assemble, load_settings
from akrasia.experiments.merging import Flag, merge_settings, read_change

URL = "http://127.0.0.1:1/v1"
FILE: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 7},
    "models": {"main": {"name": "openai/a", "api_base": URL, "timeout": 9}},
    "variants": ["act"],
    "budget": {"calls": 3},
}


def flag(name: str, value: Any, key: str = "") -> Flag:
    return Flag(f"--{name} {value}", tuple((key or name).split(".")), value)


def merged(settings: dict[str, Any], *changes: str, **flags: Any) -> dict[str, Any]:
    return merge_settings(settings, changes, [flag(name, value) for name, value in flags.items()])[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20), ("-3", -3), ("2.5", 2.5), ("3e-4", 3e-4), ("true", True), ("false", False), ("word", "word"),
        ("two words", "two words"), ('"20"', "20"), ("[1, 2]", [1, 2]), ("[1, 2,]", [1, 2]), ('{ a = 1 }', {"a": 1}),
        ("", ""), (URL, URL), ("a=b", "a=b"), ("True", "True"), (".5", ".5"), ("007", "007"), ("1, 2", "1, 2"),
        ("1,", "1,"), ("1 # no remark", "1 # no remark"), ("1\ny = 2", "1\ny = 2"), ("2026-01-02", "2026-01-02"),
        ("reason_act | critique(rounds=2)", "reason_act | critique(rounds=2)"), ("[1, 2", "[1, 2"),
    ],
)  # fmt: skip
def test_values_are_toml_or_plain_texts(text: str, value: Any) -> None:
    read = read_change(f"a.b={text}")
    assert (read.path, read.value, type(read.value)) == (("a", "b"), value, type(value))


@pytest.mark.parametrize(
    "change", ["", "task.arms", "=3", ".arms=3", "task.=3", "task..arms=3", "a b=3", "[a]=3", "#=1"]
)
def test_what_is_no_setting_is_refused(change: str) -> None:
    with pytest.raises(BadOption, match="--set key=value"):
        read_change(change)


def test_quoted_keys_may_hold_dots_and_spaces() -> None:
    assert read_change('models."gpt-4.1".timeout=5').path == ("models", "gpt-4.1", "timeout")
    assert merged({}, 'variants."sees all"=act')["variants"] == {"sees all": "act"}


@pytest.mark.parametrize(
    ("changes", "flags", "key", "value"),
    [
        (["task.arms=20"], {"task": "bandit"}, "task", {"name": "bandit", "arms": 20}),
        (["task.opponent=minimax"], {"task": "tictactoe"}, "task", {"name": "tictactoe", "opponent": "minimax"}),
        (["task=tictactoe"], {}, "task", {"name": "tictactoe"}),
        (["task=bandit"], {}, "task", {"name": "bandit", "arms": 7}),
        (["task.arms=9", "task=bandit"], {}, "task", {"name": "bandit", "arms": 9}),
        (['task={name="bandit", sigma=2}', "task.arms=9"], {"task": "bandit"}, "task",
         {"name": "bandit", "arms": 9, "sigma": 2}),
        ([], {"task": "bandit"}, "task", {"name": "bandit", "arms": 7}),
        ([], {"model": "openai/a"}, "models", FILE["models"]),
        (["model.timeout=5"], {}, "models", {"main": {**FILE["models"]["main"], "timeout": 5}}),
        (["model=openai/a", "model.timeout=5"], {}, "models", {"main": {**FILE["models"]["main"], "timeout": 5}}),
        (["models.main.timeout=5"], {"model": "openai/a"}, "models",
         {"main": {**FILE["models"]["main"], "timeout": 5}}),
        (["models.new.timeout=5"], {"model": "groq/b"}, "models", {"new": {"name": "groq/b", "timeout": 5}}),
        (["models.main.api_base=http://h/v1"], {"model": "openai/b"}, "models",
         {"main": {"name": "openai/b", "api_base": "http://h/v1"}}),
        (["model.timeout=5"], {"model": "groq/b"}, "model", {"name": "groq/b", "timeout": 5}),
        (["models.b.name=groq/b"], {}, "models", {**FILE["models"], "b": {"name": "groq/b"}}),
        (['models={m={name="groq/b"}}'], {}, "models", {"m": {"name": "groq/b"}}),
        (["budget.dollars=1"], {}, "budget", {"calls": 3, "dollars": 1}),
        (["budget={dollars=1}"], {}, "budget", {"dollars": 1}),
        (["variants=act"], {"variants": ["act"]}, "variants", ["act"]),
        (["episodes=3", "episodes=3"], {"episodes": 3}, "episodes", 3),
    ],
)  # fmt: skip
def test_what_is_given_stands_in_the_settings(changes: list[str], flags: Any, key: str, value: Any) -> None:
    before = repr(FILE)
    assert merged(FILE, *changes, **flags)[key] == value
    assert repr(FILE) == before


@pytest.mark.parametrize("model", ["openai/a", ["openai/a"], {"name": "openai/a"}])
def test_a_model_by_its_name_alone_takes_options_too(model: Any) -> None:
    for change in ("models.main.api_base", "model.api_base"):
        (only,) = assemble({"task": "bandit", "variants": "act", **merged({"model": model}, f"{change}={URL}")}).models
        assert only.slots["default"].api_base == URL  # type: ignore[attr-defined]
        assert only.label == ("main" if change.startswith("models") else "openai/a")


@pytest.mark.parametrize(
    ("changes", "flags"),
    [
        (["task=tictactoe"], {"task": "bandit"}),
        (["task.name=tictactoe"], {"task": "bandit"}),
        (['task={name="tictactoe"}'], {"task": "bandit"}),
        (["episodes=3"], {"episodes": 4}),
        (["episodes=3", "episodes=4"], {}),
        (["episodes=1", "episodes=true"], {}),
        (["task=bandit", "task.name=aiw"], {}),
        (["model=openai/b"], {"model": "openai/a"}),
        (["models.main.name=openai/b"], {"model": "openai/a"}),
        (['models=["openai/a", "openai/b"]'], {"model": "openai/a"}),
        (["model=openai/a", "models.main.api_base=x"], {}),
        (["variants.a=act"], {"variants": ["act"]}),
        (["variants=reason_act"], {"variants": ["act"]}),
        (["budget=5", "budget.calls=3"], {}),
    ],
)
def test_two_that_contradict_are_refused(changes: list[str], flags: Any) -> None:
    with pytest.raises(BadOption, match="contradict each other") as refused:
        merged(FILE, *changes, **flags)
    for given in (*changes[:1], *(f"--{name} {value}" for name, value in flags.items())):
        assert given in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "flags", "says"),
    [
        (["models.mian.timeout=5"], {}, "Did you mean 'main'"),
        (["models.mian.timeout=5"], {"model": "openai/a"}, "Did you mean 'main'"),
        (["models.a.timeout=5", "models.b.timeout=5"], {"model": "groq/b"}, "for 2 models"),
        (["task.arms.deep=5"], {}, "not a table"),
        (["variants.a=act"], {}, "list of 1|not a table"),
    ],
)
def test_what_has_no_place_is_refused(changes: list[str], flags: Any, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        merged(FILE, *changes, **flags)


def test_options_of_one_among_several_are_refused_with_the_names() -> None:
    several = {**FILE, "models": {"a": {"name": "groq/a"}, "b": {"name": "groq/b"}}}
    with pytest.raises(BadOption, match=r"models\.a, models\.b"):
        merged(several, "model.timeout=5")
    with pytest.raises(BadOption, match="a list of 2 and not a table"):
        merged({"task": ["bandit", "aiw"]}, "task.arms=5")


def test_what_gives_way_is_told_and_an_address_never_gives_way_unsaid() -> None:
    settings, notes = merge_settings(FILE, (), [flag("task", "tictactoe"), flag("model", "simulated")])
    assert settings["task"] == {"name": "tictactoe"} and settings["model"] == {"name": "simulated"}
    assert any("arms is not used" in note for note in notes)
    assert any("api_base, timeout are not used" in note for note in notes)
    with pytest.raises(BadOption, match=f"requests and key would go elsewhere.*--set model.api_base={URL}"):
        merged(FILE, model="openai/b")
    assert merged(FILE, model=f"openai/b:api_base={URL}")["model"] == {"name": f"openai/b:api_base={URL}"}


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"model": "simulated", "models": {"main": {"name": "simulated"}}}, BadOption, "twice, as model and as models"),
        ({"model": "simulated", "models": []}, BadOption, "twice"),
        ({"models": []}, BadOption, "empty or repeated"),
        ({"models": {"main": {"api_base": URL}}}, BadOption, "'main' has no name"),
        ({"model": {"name": "openai/a", "api_bas": URL}}, UnknownName, "api_base"),
        ({"model": {"name": "openai/a:timeout=3", "timeout": 4}}, BadOption, "timeout .* is given twice"),
        ({"model": "simulated:knowing=0.5,knowing=0.6"}, BadOption, "knowing .* is given twice"),
        ({"model": "simulated", "until": 0}, BadOption, "until is 0"),
        ({"model": "simulated", "leader": False}, BadOption, "leader is False"),
        ({"model": "simulated", "arms": 5}, UnknownName, "arms"),
        ({"model": "simulated", "workers": 3, "executor": "local"}, BadOption, "one process"),
        ({"model": "simulated", "executor": "local", "address": "x"}, BadOption, "no address"),
    ],
)
def test_keywords_of_python_are_used_or_refused(settings: Any, error: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=says):
        ak.run(task="bandit", episodes=2, out=tmp_path / "run", **settings)
    assert not (tmp_path / "run" / "ledger.sqlite").exists()


def test_a_table_of_one_model_is_a_model() -> None:
    (models,) = assemble({"task": "bandit", "variants": "act", "model": {"name": "simulated", "knowing": 0.5}}).models
    assert "knowing 0.5" in models.slots["default"].info.note


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\xef\xbb\xbfepisodes = 3", ""),
        (b"\xef\xbb\xbfepisodes = ", "not an experiment file"),
        ("name = 'caf\xe9'".encode("latin-1"), "UTF-8"),
        ("name = 'x'".encode("utf-16"), "UTF-8"),
        (b"task.since = 2026-01-02", "task.since .* is a date"),
        (b"a = [{b = 10:00:00}]", "a.b .* is a date or a time"),
    ],
)
def test_files_are_utf8_with_or_without_a_mark(content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / "e.toml").write_bytes(content)
    if says:
        with pytest.raises(BadOption, match=says):
            load_settings(tmp_path / "e.toml")
    else:
        assert load_settings(tmp_path / "e.toml", ["seed=4"]) == {"episodes": 3, "seed": 4}


LEAVES = st.sampled_from(["task", "task.arms", "task.name", "model", "model.timeout", "models.main.timeout",
                          "models.main.name", "episodes", "budget.calls", "budget"])  # fmt: skip


@drawn(st.lists(st.tuples(LEAVES, st.sampled_from(["bandit", "3", "4"])), max_size=4), st.booleans(), st.booleans())
def test_nothing_that_is_given_is_lost(pairs: list[tuple[str, str]], task: bool, model: bool) -> None:
    """Whatever is given, in whatever order: all of it stands in the settings, or it is refused."""
    changes = [f"{key}={value}" for key, value in pairs]
    flags = {**({"task": "bandit"} if task else {}), **({"model": "groq/x"} if model else {})}
    try:
        settings = merged(FILE, *changes, **flags)
    except UsageError:
        return
    for key, value in [*((k, read_change(f"k={v}").value) for k, v in pairs), *flags.items()]:
        found: Any = settings
        path = key.split(".")
        if path[0] == "model" and "models" in settings:
            path = ["models", *settings["models"], *path[1:]]
        for part in path:
            found = found[part]
        assert value in (found, found.get("name") if isinstance(found, dict) else None)
