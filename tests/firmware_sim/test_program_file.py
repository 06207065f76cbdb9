import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecgedge.zoo import shipped_bundles
from firmware_sim.errors import EcgedgeError
from firmware_sim.measures import Measure
from firmware_sim.prior import Prior
from firmware_sim.program import checksum_of
from firmware_sim.program_file import load_program, program_from_json, program_to_json, save_program
from tests.programs import programs, random_program


@given(programs())
@settings(max_examples=25)
def test_a_program_reads_back_equal(program):
    assert program_from_json(program_to_json(program)) == program


@pytest.mark.parametrize(
    ("shape", "version"),
    [
        ({"context": 0}, 1),
        ({"context": 0, "hidden": 3}, 2),
        ({"context": 5}, 3),
        ({"context": 5, "hidden": 3}, 3),
        ({"context": 12}, 4),
        ({"context": 12, "hidden": 3}, 4),
        ({"context": 0, "prior": Prior("S", 4, 6)}, 4),
        ({"context": 5, "prior": Prior("S", 4, 6)}, 4),
        ({"context": 0, "hidden": 3, "branches": False, "measures": 1}, 5),
        ({"context": 12, "hidden": 3, "branches": False, "measures": 16}, 5),
    ],
)
def test_the_version_is_the_least_that_has_what_the_program_has(shape, version):
    content = json.loads(program_to_json(random_program(0, **shape)))
    assert content["version"] == version
    assert ("hidden" in content) == ("hidden" in shape)
    assert ("prior" in content) == ("prior" in shape)
    assert ("measures" in content) == ("measures" in shape)


def test_shipped_programs_are_written_as_they_were():
    for folder in shipped_bundles().values():
        text = (folder / "program.json").read_text()
        program = program_from_json(text)
        assert program_to_json(program) == text
        assert json.loads(text)["version"] == 5 if program.measures else "measures" not in text


def test_a_prior_is_its_label_and_two_numbers():
    text = program_to_json(random_program(0, context=5, prior=Prior("V", 64, 1)))
    assert json.loads(text)["prior"] == {"label": "V", "gain": 64, "shift": 1}
    assert program_from_json(text).prior == Prior("V", 64, 1)


@pytest.mark.parametrize(("version", "context"), [(1, 5), (2, 5), (1, 12), (2, 12), (3, 12)])
def test_context_values_of_older_versions_were_others(context, version):
    hidden = 3 if version > 1 else 0
    text = with_change(lambda c: c.update(version=version), context=context, hidden=hidden)
    with pytest.raises(EcgedgeError, match="context values were others; train and export"):
        program_from_json(text)


def test_a_measure_is_its_kind_and_three_numbers():
    program = random_program(0, context=5, hidden=3, branches=False, measures=1)
    program = program.replace(measures=(Measure("change", 1, 60, 3),))
    text = program_to_json(program)
    assert json.loads(text)["measures"] == [{"kind": "change", "start": 1, "stop": 60, "gain": 3}]
    assert program_from_json(text).measures == (Measure("change", 1, 60, 3),)


WITHOUT_BRANCHES = {"context": 12, "hidden": 8, "branches": False}


@pytest.mark.parametrize(
    ("shape", "change", "reason"),
    [
        (WITHOUT_BRANCHES, lambda c: c.update(hidden=None), "hidden is not a JSON object"),
        (WITHOUT_BRANCHES, lambda c: c["hidden"].update(shift=15), "hidden.shift is 15"),
        (WITHOUT_BRANCHES, lambda c: c["hidden"].update(bias=[]), "hidden units is 0"),
        (WITHOUT_BRANCHES, lambda c: c["hidden"].update(bias=[0] * 33), "hidden units is 33"),
        (WITHOUT_BRANCHES, lambda c: c["hidden"]["bias"].pop(), "hidden.weight has shape"),
        (WITHOUT_BRANCHES, lambda c: c["hidden"]["weight"][0].pop(), "array of integers"),
        (WITHOUT_BRANCHES, lambda c: c["hidden"]["weight"][0].__setitem__(0, -128), "leaves -127"),
        (WITHOUT_BRANCHES, lambda c: c.update(context=5), "hidden.weight has shape"),
        (
            WITHOUT_BRANCHES,
            lambda c: c.update(context=0),
            "needs measures or a context, and a hidden",
        ),
        (WITHOUT_BRANCHES, lambda c: c.update(window=59), "60 samples or more"),
        (WITHOUT_BRANCHES, lambda c: c.update(mean_shift=1), "belong together"),
        (
            WITHOUT_BRANCHES,
            lambda c: c["layers"].append({"weight": [[0] * 4] * 4, "bias": [0] * 4, "shift": 7}),
            "belong together",
        ),
        ({"hidden": 3}, lambda c: c.update(branches=[]), "belong together"),
        ({"hidden": 3}, lambda c: c["head"]["weight"][0].append(1), "array of integers"),
        ({"context": 12}, lambda c: c.update(branches=[], layers=[], mean_shift=0), "hidden layer"),
    ],
)
def test_malformed_programs_with_other_layers_are_refused(shape, change, reason):
    text = with_change(change, **shape)
    with pytest.raises(EcgedgeError, match=reason):
        program_from_json(text)


WITH_PRIOR = {"context": 12, "prior": Prior("S", 4, 6)}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda c: c["prior"].update(label="X"), "label 'X' is none of the program's labels"),
        (lambda c: c["prior"].update(label=1), "label is no text"),
        (lambda c: c["prior"].update(label=["S"]), "label is no text"),
        (lambda c: c["prior"].update(gain=0), "prior.gain is 0, not in 1"),
        (lambda c: c["prior"].update(gain=65), "prior.gain is 65, not in 1 ... 64"),
        (lambda c: c["prior"].update(gain=True), "prior.gain is True, not an integer"),
        (lambda c: c["prior"].update(gain=4.0), "prior.gain is 4.0, not an integer"),
        (lambda c: c["prior"].update(shift=0), "prior.shift is 0, not in 1"),
        (lambda c: c["prior"].update(shift=9), "prior.shift is 9, not in 1 ... 8"),
        (lambda c: c["prior"].update(shift=None), "prior.shift is None, not an integer"),
        (lambda c: c["prior"].update(more=1), "unknown more"),
        (lambda c: c["prior"].pop("gain"), "missing gain"),
        (lambda c: c.update(prior=None), "prior is not a JSON object"),
        (lambda c: c.update(prior=[4]), "prior is not a JSON object"),
        (lambda c: c.update(version=3, context=0), "unknown prior"),
    ],
)
def test_malformed_priors_are_refused(change, reason):
    with pytest.raises(EcgedgeError, match=reason):
        program_from_json(with_change(change, **WITH_PRIOR))


WITH_MEASURES = {"context": 0, "hidden": 8, "branches": False, "measures": 7}


def set_measure(**values):
    return lambda c: c["measures"][3].update(values)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_measure(kind="mean"), "measure 'mean' is unknown; choose one of level, size,"),
        (set_measure(kind=None), "the kind of a measure is no text"),
        (set_measure(kind=["level"]), "the kind of a measure is no text"),
        (set_measure(start=True), "start of a measure is True, not an integer"),
        (set_measure(stop=60.0), "stop of a measure is 60.0, not an integer"),
        (set_measure(gain="1"), "gain of a measure is '1', not an integer"),
        (set_measure(start=-1), "cannot span -1-24: bins begin with 0"),
        (set_measure(stop=61), "and the end comes after"),
        (set_measure(start=10**30), "and the end comes after"),
        (set_measure(gain=4), "the gain of a measure is 4, not in 0 ... 3"),
        (set_measure(more=1), "unknown more"),
        (lambda c: c["measures"][0].pop("gain"), "missing gain"),
        (lambda c: c["measures"].append([]), "measure is not a JSON object"),
        (lambda c: c.update(measures={}), "measures is not a JSON list"),
        (lambda c: c.update(measures=None), "measures is not a JSON list"),
        (lambda c: c.update(measures=[]), "needs measures or a context"),
        (lambda c: c["measures"].pop(), "hidden.weight has shape"),
        (lambda c: c["measures"].extend(c["measures"] * 2), "21 measures, more than 16"),
        (lambda c: c.update(version=4), "unknown measures"),
        (lambda c: c.update(version=6), "upgrade"),
        (lambda c: c.update(window=59), "60 samples or more"),
    ],
)
def test_malformed_measures_are_refused_in_one_sentence(change, reason):
    with pytest.raises(EcgedgeError, match=reason) as raised:
        program_from_json(with_change(change, **WITH_MEASURES))
    assert str(raised.value).endswith(".")
    assert "\n" not in str(raised.value)


def test_a_file_with_branches_and_measures_is_refused():
    def change(content):
        content["version"] = 5
        content["measures"] = [{"kind": "size", "start": 0, "stop": 60, "gain": 0}]

    with pytest.raises(EcgedgeError, match="branches or measures, not both"):
        program_from_json(with_change(change, hidden=3))


def test_two_classes_have_no_prior():
    def change(content):
        content["version"] = 4
        content["prior"] = {"label": "S", "gain": 4, "shift": 6}

    with pytest.raises(EcgedgeError, match="needs more than two classes"):
        program_from_json(with_change(change, classes=2))


def test_one_changed_value_does_not_match_the_checksum():
    text = program_to_json(random_program(2))
    changed = text.replace('"mean_shift": ', '"mean_shift": 1')
    with pytest.raises(EcgedgeError, match="checksum"):
        program_from_json(changed)


def with_change(change, **shape):
    """A program's JSON with one change and a checksum that fits it."""
    content = json.loads(program_to_json(random_program(3, **shape)))
    del content["checksum"]
    change(content)
    return json.dumps({**content, "checksum": checksum_of(content)})


def set_weight(value):
    def change(content):
        content["branches"][1]["weight"][2][3] = value

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (set_weight(-128), "leaves -127"),
        (set_weight(128), "leaves -127"),
        (set_weight(1.0), "array of integers"),
        (set_weight(True), "array of integers"),
        (set_weight("1"), "array of integers"),
        (set_weight([1]), "array of integers"),
        (lambda c: c["branches"].pop(), "branches"),
        (lambda c: c["branches"].append(c["branches"][0]), "branches"),
        (lambda c: c["branches"].reverse(), "stands where"),
        (lambda c: c["branches"][0].update(shift=25), "not in 0"),
        (lambda c: c["branches"][0].update(shift=-1), "not in 0"),
        (lambda c: c["branches"][0].pop("bias"), "missing bias"),
        (lambda c: c.update(window=10), "window"),
        (lambda c: c.update(window=10**9), "window"),
        (lambda c: c.update(fs="360"), "not an integer"),
        (lambda c: c.update(extra=1), "unknown extra"),
        (lambda c: c.update(labels=["N", "N", "V", "F"]), "repeat"),
        (lambda c: c.update(labels=[]), "labels"),
        (lambda c: c.update(labels="NSVF"), "not a JSON list"),
        (lambda c: c.update(threshold=5), "threshold"),
        (lambda c: c.update(context=3), "context"),
        (lambda c: c.update(layers=[]), "token layers"),
        (lambda c: c.update(name="a\nb"), "printable"),
        (lambda c: c.update(version=6), "upgrade"),
        (lambda c: c.update(prior={}), "unknown prior"),
        (lambda c: c.update(version=2, context=0), "missing hidden"),
        (lambda c: c.update(version=1, context=0, hidden={}), "unknown hidden"),
        (lambda c: c.update(version=0), "never existed"),
        (lambda c: c.update(version=None), "version"),
        (lambda c: c.update(format="other"), "not an ecgedge program"),
        (lambda c: c["head"].update(weight=[[1, 2], [3]]), "array of integers"),
    ],
)
def test_malformed_programs_are_refused_with_the_reason(change, reason):
    with pytest.raises(EcgedgeError, match=reason):
        program_from_json(with_change(change))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_program_are_refused(data):
    with pytest.raises(EcgedgeError):
        program_from_json(data)


def test_deep_nesting_is_refused():
    with pytest.raises(EcgedgeError):
        program_from_json("[" * 100_000)


def test_files_are_saved_and_refused(tmp_path):
    program = random_program(4)
    path = tmp_path / "program.json"
    save_program(program, path)
    assert load_program(path) == program
    assert [p.name for p in tmp_path.iterdir()] == ["program.json"]
    with pytest.raises(EcgedgeError, match="does not exist"):
        load_program(tmp_path / "none.json")
    path.write_bytes(b" " * (2 << 20))
    with pytest.raises(EcgedgeError, match="too large"):
        load_program(path)
