"""When things are written down, and what happens to a run on its way."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, strategies as st
from jaxtyping import Float

import flyroom as fr
from flyroom.models import AbstractNetwork
from flyroom.spec import SpecError
from flyroom.tasks import Examples
from flyroom.training import Context, Status, mean

OCTAVES = [1, 2, 4, 8, 16, 32, 64, 128, 256]
TASK = fr.tasks.ModularArithmetic(p=7)


def plain(steps: int, per_octave: int, every: int | None, at: tuple[int, ...]) -> list[int]:
    """The rule as the docstring says it, asked of every step."""

    def recorded(step: int) -> bool:
        if step in (0, steps, *at) or (every and step % every == 0):
            return True
        if not per_octave:
            return False
        octave = 2 ** (step.bit_length() - 1)
        return step < per_octave or step % (octave // per_octave) == 0

    return [step for step in range(steps + 1) if recorded(step)]


@given(
    steps=st.integers(1, 3000),
    per_octave=st.sampled_from([0, *OCTAVES]),
    every=st.none() | st.integers(1, 500),
    at=st.lists(st.integers(0, 4000), max_size=4).map(tuple),
)
def test_ages_are_those_of_the_rule(steps: int, per_octave: int, every, at: tuple[int, ...]):
    ages = fr.Schedule(per_octave, every, at).ages(steps)
    assert ages.tolist() == plain(steps, per_octave, every, at)


@given(steps=st.integers(1, 10**6), more=st.integers(0, 10**6), per_octave=st.sampled_from(OCTAVES))
def test_a_longer_budget_adds_ages_and_moves_none(steps: int, more: int, per_octave: int):
    """So that a run which is extended has been recorded at the same steps."""
    schedule = fr.Schedule(per_octave)
    short, long = schedule.ages(steps), schedule.ages(steps + more)
    assert set(short) - set(long) <= {steps}
    assert set(long[long < steps]) == set(short[short < steps])


def test_an_octave_has_so_many_records():
    ages = fr.Schedule(per_octave=16).ages(2**14)
    for octave in range(4, 14):
        assert np.sum((ages >= 2**octave) & (ages < 2 ** (octave + 1))) == 16
    assert ages[:17].tolist() == list(range(17))


def test_ages_of_an_experiment_hold_everything_that_is_due():
    experiment = fr.Experiment(
        task=TASK,
        steps=100,
        schedule=fr.Schedule(0),
        keep=fr.Schedule(0, at=(31,)),
        stop=(fr.AtStep(step=77),),
        events=(
            fr.Event(fr.AtStep(step=13), {"optimizer.eps": 0.0}),
            fr.Event(fr.AtStep(step=500), {"optimizer.eps": 1.0}),
            fr.Event(fr.Reaches(measure="test_loss", threshold=0.1), {"optimizer.eps": 1.0}),
        ),
    )
    assert experiment.ages().tolist() == [0, 13, 31, 77, 100]


# --- Conditions ---


def test_reaching_is_from_below_or_from_above():
    rising = fr.Reaches(measure="train_accuracy", threshold=0.9)
    falling = fr.Reaches(measure="train_accuracy", threshold=0.9, falling=True)
    cases = [(0.8, False, True), (0.9, True, True), (0.95, True, False), (np.nan, False, False)]
    for value, up, down in cases:
        # Records are in float32, where 0.9 is a little less than the threshold as it is written.
        for kind in (np.float32, np.float64):
            assert rising.holds(5, {"train_accuracy": kind(value)}) is up
            assert falling.holds(5, {"train_accuracy": kind(value)}) is down
    assert rising.measures == ("train_accuracy",)
    assert rising.due == ()


def test_being_so_old():
    condition = fr.AtStep(step=10)
    assert [condition.holds(step, {}) for step in (0, 9, 10, 11)] == [False, False, True, True]
    assert condition.due == (10,)
    assert condition.measures == ()


def test_conditions_are_asked_stop_rules_first():
    stop, event = fr.AtStep(step=3), fr.Event(fr.AtStep(step=2), {"optimizer.eps": 0.0})
    assert fr.Experiment(task=TASK, stop=(stop,), events=(event,)).conditions == (stop, event.when)


def test_a_condition_reads_recorded_scalars_only():
    stop = (fr.Reaches(measure="weight_norm", threshold=1.0, falling=True),)
    assert fr.Experiment(task=TASK, stop=stop).stop == stop
    for record in (fr.CURVES[:4], (*fr.CURVES[:4], spread)):
        with pytest.raises(SpecError, match="Reaches: `weight_norm` is not a recorded sc"):
            fr.Experiment(task=TASK, record=record, stop=stop)


@fr.snapshot(units="nat")
def spread(network, context) -> Float[jax.Array, "neuron frequency"]:
    """Not a scalar.

    And a second paragraph.
    """
    return network.w_in + context.loss


def test_statuses_that_are_over():
    over = {status for status in Status if status.over}
    assert over == {Status.FINISHED, Status.STOPPED, Status.DIVERGED, Status.FAILED}


# --- Snapshots ---


def test_a_snapshot_says_what_it_is():
    assert (spread.name, spread.units, spread.dims) == ("spread", "nat", ("neuron", "frequency"))
    assert spread.definition == "Not a scalar."
    assert spread.reference == f"{__name__}:spread"


def test_a_snapshot_needs_an_annotation():
    with pytest.raises(TypeError, match="`silent` must be annotated with the array it returns"):

        @fr.snapshot()
        def silent(network, context): ...


def test_curves_equal_plain_arithmetic():
    """Padding takes part in nothing, and given labels are what training is measured by."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(6, 3)).astype(np.float32)
    rows = Examples(
        inputs=np.arange(6, dtype=np.int32)[:, None],
        labels=np.array([0, 1, 2, 0, 1, 2], np.int32),
        truth=np.array([0, 1, 2, 1, 1, 2], np.int32),
        weights=np.array([1, 1, 1, 1, 0, 0], np.float32),
    )
    right = (logits.argmax(1) == rows.labels)[:4].mean()
    shifted = logits - logits.max(1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(1)) - shifted[np.arange(6), rows.labels]
    expected = {
        "train_loss": losses[:4].mean(),
        "test_loss": losses[:4].mean(),
        "train_accuracy": right,
        "test_accuracy": right,
        "weight_norm": np.sqrt(np.sum(np.square(logits, dtype=np.float64))),
    }
    context = Context(rows, rows, fr.losses.CrossEntropy())
    network = Table(jnp.asarray(logits))
    found = jax.jit(lambda n, c: {curve.name: curve(n, c) for curve in fr.CURVES})(network, context)
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(float(value), rel=1e-6), name


class Table(AbstractNetwork):
    """Logits that are looked up."""

    logits: Float[jax.Array, "token class"]

    def forward(self, x, tap, key):
        return tap("logits", self.logits[x[0]])


def test_a_mean_is_taken_in_the_wider_precision():
    zeros = np.zeros(4096, np.int32)
    rows = Examples(zeros[:, None], zeros, zeros, np.ones(4096, np.float32))
    value = float(np.float16(1.001))
    assert float(mean(jnp.full(4096, value, jnp.float16), rows)) == pytest.approx(value, rel=1e-6)
    with jax.enable_x64(True):
        third = mean(jnp.full(4096, 1 / 3), rows)
        assert third.dtype == np.float64
        assert float(third) == pytest.approx(1 / 3, rel=1e-15)
