"""The form of a training: what it shows, and that what is sent of it is checked."""

import re
from typing import Any

import pytest

import flyroom as fr
from flyroom.explorer._form import Answers, form
from flyroom.recipes.names import by_name
from test_explorer_server import Server, server as server, store as store


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        ("form", b"{", "cannot be read"),
        ("form", b"\xff\xfe", "cannot be read"),
        ("form", b"[" * 60_000, "cannot be read"),
        ("form", b"x" * 70_000, "More than 65,536 bytes"),
        ("form", [], "allowed: a recipe"),
        ("form", {"recipe": "pair-mod67"}, "allowed: a recipe"),
        ("form", {"recipe": "pair-mod67", "set": [], "over": {}}, "allowed: a recipe"),
        ("form", {"recipe": 3, "set": {}, "over": {}}, "none longer"),
        ("form", {"recipe": "pair-mod67", "set": {"steps": 3}, "over": {}}, "none longer"),
        ("form", {"recipe": "pair-mod67", "set": {"steps": "1" * 3000}, "over": {}}, "none longer"),
        ("form", {"recipe": "../mine.toml", "set": {}, "over": {}}, "is no recipe. Recipes: "),
        ("start", {"recipe": "runs.zarr", "set": {}, "over": {}}, "is no recipe"),
        ("start", {"recipe": "pair-mod67", "set": {}, "over": {}, "store": "/x"}, "allowed"),
        ("start", {"recipe": "pair-mod67", "set": {}, "over": {}}, "exists already"),
        ("resume", {"steps": -1}, "allowed: {}"),
        ("resume", {"steps": True}, "allowed: {}"),
        ("resume", {"steps": "9; rm"}, "allowed: {}"),
        ("resume", {"store": "/x"}, "allowed: {}"),
        ("resume", [], "allowed: {}"),
        ("stop", {"now": 1}, "allowed: {}"),
        ("stop", {}, "no training was started here"),
    ],
)
def test_what_is_sent_is_checked(server: Server, path: str, body: Any, words: str):
    assert words in server.told(path, body)


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"task.p": "1"}, "ModularArithmetic.p: got 1; allowed: at least 2"),
        ({"optimizer.wd": "1"}, "no field `wd`; it has learning_rate"),
        ({"model.activation": "rely"}, "nothing of that name"),
        ({"task": "os:system"}, "what flyroom itself has"),
        ({"task": '{class = "os:system"}'}, "what flyroom itself has"),
        ({"task": r'{class = "os\u003asystem"}'}, "what flyroom itself has"),
        ({"task": r'"\u006fs\u003asystem"'}, "what flyroom itself has"),
        ({"task": "tasks:evil_module"}, "what flyroom itself has"),
        ({"task": "tasks:parity.np.os.system"}, "what flyroom itself has"),
        ({"task": "jax.nn:relu"}, "what flyroom itself has"),
        ({"task": "Corrupted"}, "Corrupted needs `clean`"),
        ({"seed": "9" * 400}, "allowed: at least 0"),
    ],
)
def test_the_form_says_what_is_wrong_as_the_library_does(answers: dict[str, str], words: str):
    with pytest.raises(fr.SpecError, match=re.escape(words)):
        form(Answers.read({"recipe": "pair-mod67", "set": answers, "over": {}}))


def test_axes_are_checked():
    for over, words in (
        ({"seed": "0:9999999999"}, "allowed: 100,000 values"),
        ({"seed": "4:4"}, "no values"),
        ({"task.train_fraction": "0.5,1.5"}, "got 1.5"),
        ({"nothing": "1"}, "no field `nothing`"),
    ):
        with pytest.raises(fr.SpecError, match=words):
            form(Answers.read({"recipe": "pair-mod67", "set": {}, "over": over}))
    assert form(Answers("pair-mod67", {}, {"seed": "0:4", "task.p": "5,7"}))["runs"] == 8


@pytest.mark.parametrize("recipe", sorted(by_name()))
def test_the_form_as_it_is_shown_is_the_recipe(recipe: str):
    fields = form(Answers(recipe, {}, {}))["fields"]
    shown = {one["path"]: one["value"] for one in fields}
    nouns = {
        one["path"]
        for one in fields
        if any(o["path"].startswith(one["path"] + ".") for o in fields)
    }
    answers = Answers(recipe, {p: text for p, text in shown.items() if p not in nouns}, {})
    assert answers.experiment() == by_name()[recipe]()
    for one in fields:
        assert one["options"] is None or one["value"] in one["options"]


def test_a_new_noun_brings_its_own_fields():
    told = form(Answers("pair-mod67", {"task.n": "9", "task": "SparseParity"}, {}))
    paths = [one["path"] for one in told["fields"]]
    assert "task.n" in paths
    assert "task.p" not in paths
    assert told["command"] == ["pair-mod67", "--set", "task=SparseParity", "--set", "task.n=9"]
