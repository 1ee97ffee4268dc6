"""Pictures say what the measures say, and the report is one whole, valid, self-contained page."""

import re

import jax
import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr
from matplotlib import pyplot as plt
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from drawn import STEPS, WAVES, four_runs, two_networks
from flyroom import figures, measures
from flyroom.figures import _style, _svg
from flyroom.models import MLP, FactoredNetwork, MLPNetwork
from flyroom.tasks import Signature


@pytest.fixture(scope="module")
def runs() -> xr.Dataset:
    return four_runs()


@pytest.fixture(scope="module")
def networks() -> tuple[FactoredNetwork, FactoredNetwork]:
    return two_networks()


@pytest.fixture(scope="module")
def parity() -> MLPNetwork:
    return MLP(widths=(40,)).init(Signature((10,), None, 2), 1, key=jax.random.key(0))


def words(figure: Figure) -> list[str]:
    found = [t.get_text() for t in figure.findobj(Text) if isinstance(t, Text)]
    return [word for word in found if word]


def tips(figure: Figure, marker: str) -> list[float]:
    """Where marks of one form stand, NaN left out."""
    marks = [m for m in figure.axes[0].lines if m.get_marker() == marker]
    found = np.concatenate([np.asarray(m.get_xdata(), float) for m in marks])
    return sorted(found[~np.isnan(found)].tolist())


# Learning curves.


def test_a_run_that_groks_is_marked_at_its_steps(runs: xr.Dataset):
    figure = figures.learning_curves(runs, run=0)
    assert "train  —  memorised at step 16" in words(figure)
    assert "test  —  generalised at step 1,024" in words(figure)
    assert tips(figure, "v") == [16, 1024]
    assert tips(figure, ">") == []


def test_a_censored_run_is_seen_to_be(runs: xr.Dataset):
    figure = figures.learning_curves(runs, run=1)
    said = "test  —  not generalised within the budget (censored at step 4,096)"
    assert said in words(figure)
    assert tips(figure, ">") == [4096]
    said = "test  —  not generalised before it diverged (censored at step 64)"
    assert said in words(figures.learning_curves(runs, run=2))


def test_curves_go_through_every_record_and_no_other_step(runs: xr.Dataset):
    above = figures.learning_curves(runs, run=2).axes[0]
    train, test = (c for c in above.collections if isinstance(c, LineCollection))
    np.testing.assert_array_equal(train.get_segments()[0][:, 0], STEPS[STEPS <= 64])
    np.testing.assert_allclose(test.get_segments()[0][:, 1], 0.05)
    (color,) = train.properties()["edgecolor"]
    assert to_rgb(color) == to_rgb(_style.TRAIN)


def test_many_runs_are_counted(runs: xr.Dataset):
    figure = figures.learning_curves(runs)
    assert "test  —  generalised in 1 of 4 runs, Kaplan–Meier median at step 1,024" in words(figure)
    assert tips(figure, ">") == [64, 4096]


def test_step_zero_has_a_place(runs: xr.Dataset):
    figure = figures.learning_curves(runs, run=0)
    axes = figure.axes[1]
    left, one, ten = axes.transData.transform([(0, 1), (1, 1), (10, 1)])[:, 0]
    assert 0 < (one - left) < (ten - one)
    ticks = axes.xaxis.get_major_formatter().format_ticks(axes.get_xticks().tolist())
    assert ticks[:5] == ["0", "1", "10", "100", "1k"]


def test_what_has_not_begun_is_drawn_too(runs: xr.Dataset):
    figure = figures.learning_curves(runs, run=3)
    assert "train  —  no record yet" in words(figure)
    assert _svg.to_svg(figure)


def test_places_are_shortened_in_a_page_and_words_are_not():
    figure = Figure(figsize=(2, 1))
    figure.text(1 / 3, 1 / 7, "learning rate 0.0001, 1.00005")
    page = _svg.inline(figure, "x", "a picture")
    assert "learning rate 0.0001, 1.00005" in page
    assert not re.search(r"<[^>]*\d\.\d{3}", page)


def test_small_pictures_name_their_runs(runs: xr.Dataset):
    figure = figures.overview(runs)
    assert [a.get_title(loc="left") for a in figure.axes] == [
        "seed 7, weight decay 1", "seed 8, weight decay 1",
        "seed 9, weight decay 0.3", "seed 10, weight decay 0.3",
    ]  # fmt: skip
    assert {"at step 1,024", "not within the budget", "not before it diverged"} <= {*words(figure)}


def test_runs_that_are_not_shown_are_counted(runs: xr.Dataset):
    figure = figures.overview(runs, limit=3)
    assert len([a for a in figure.axes if a.axison]) == 3
    assert "step  (1 more runs are not shown)" in words(figure)


@pytest.mark.parametrize("count", [12, 24])
def test_the_words_of_small_pictures_have_room(runs: xr.Dataset, count: int):
    late = int(np.argmax(np.isnan(measures.generalization_step(runs).values)))
    figure = figures.overview(runs.isel(run=[late] * count))
    figure.draw_without_rendering()
    for axes in figure.axes:
        (said,) = (text for text in axes.texts if text.get_text())
        right = said.get_window_extent().x1
        others = [a.get_position() for a in figure.axes]
        place, width = axes.get_position(), figure.bbox.width
        edges = [o.x0 * width for o in others if o.y0 == place.y0 and o.x0 > place.x0]
        assert right < min(edges, default=width)


def test_survival_has_a_curve_for_each_setting(runs: xr.Dataset):
    times = measures.generalization_step(runs.isel(run=[0, 1, 2]))
    axes = figures.survival_curves(times, by="optimizer.weight_decay").axes[0]
    legend = axes.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == [
        "weight decay 0.3: 0 of 1",
        "weight decay 1: 1 of 2",
    ]
    last = axes.lines[2]
    np.testing.assert_allclose(np.asarray(last.get_ydata(), float), [0, 0.5, 0.5])


# Weights.


def images(figure: Figure) -> list[np.ndarray]:
    return [np.asarray(a.images[0].get_array()) for a in figure.axes if a.images]


def test_neurons_stand_in_one_order_of_frequency_and_phase(networks):
    first, last = networks
    figure = figures.weights_before_after(first, last)
    before_in, before_out, after_in, after_out = images(figure)
    found = measures.neuron_frequencies(after_in.T)
    assert found.frequency.values.tolist() == [3] * 5 + [8] * 5 + [0] * 2
    for group in (slice(0, 5), slice(5, 10)):
        assert np.all(np.diff(found.phase.values[group]) > 0)
    rows = [np.flatnonzero((row == np.asarray(last.w_in).T).all(1))[0] for row in after_in[:10]]
    np.testing.assert_array_equal(before_in[:10], np.asarray(first.w_in).T[rows])
    np.testing.assert_array_equal(before_out[:10], np.asarray(first.w_out)[rows])
    np.testing.assert_array_equal(after_out[:10], np.asarray(last.w_out)[rows])
    assert {"freq. 3", "freq. 8", "none"} <= {*words(figure)}


def test_zero_is_the_middle_of_every_colour_scale(networks):
    figure = figures.weights_before_after(*networks)
    for axes in (a for a in figure.axes if a.images):
        low, high = axes.images[0].get_clim()
        assert low == -high
        assert high >= np.abs(np.asarray(axes.images[0].get_array())).max()


def test_networks_on_vectors_are_sorted_by_size(parity: MLPNetwork):
    _, _, after, out = images(figures.weights_before_after(parity, parity))
    assert after.shape == (40, 10)
    assert out.shape == (40, 1)
    assert np.all(np.diff(np.linalg.norm(after, axis=1)) <= 0)


def test_waves_are_grouped_and_drawn_as_they_are(networks):
    _, last = networks
    figure = figures.neurons_by_frequency(last)
    assert [a.get_title(loc="left") for a in figure.axes] == [
        "frequency 3 · 5 neurons", "frequency 8 · 5 neurons", "no one frequency · 2 neurons",
    ]  # fmt: skip
    drawn = np.asarray(figure.axes[0].lines[0].get_ydata(), float)
    assert measures.key_frequencies(drawn[:, None]) == [3]


def test_vectors_have_no_waves_to_draw(parity: MLPNetwork):
    with pytest.raises(TypeError, match="reads real vectors"):
        figures.neurons_by_frequency(parity)


def test_the_spectrum_shows_shares_of_all_power(networks):
    axes = figures.spectrum(networks[1]).axes[0]
    heights = [bar.get_height() for bar in axes.containers[0]]
    assert sum(heights) == pytest.approx(1)
    np.testing.assert_allclose([heights[k - 1] for k in WAVES], 0.5, atol=1e-6)
    assert {"3", "8"} <= {t.get_text() for t in axes.texts}


# One call, one hand.


def test_one_call_shows_a_run(runs: xr.Dataset, networks, parity: MLPNetwork):
    assert len(figures.plot(runs, 0).axes) == 2
    figure = figures.plot(runs, 0, networks=networks)
    said = {*words(figure)}
    assert {"seed 7, weight decay 1", "frequency 3 · 5 neurons", "share of power"} <= said
    said = words(figures.plot(runs, 1, networks=(None, parity)))
    assert "into the neurons, after training" in said


def shown(figure: Figure) -> tuple[bytes, dict[str, float]]:
    """What a notebook shows."""
    assert isinstance(figure, _style.Picture)
    return figure._repr_png_()


def test_pictures_show_themselves_and_leave_no_trace(runs: xr.Dataset):
    before = dict(mpl.rcParams)
    with mpl.rc_context({"axes.facecolor": "red", "font.size": 20}):
        png, size = shown(figures.learning_curves(runs, run=0))
    assert png.startswith(b"\x89PNG")
    assert size == {"width": 560, "height": 430}
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_the_house_style_is_kept_in_other_peoples_settings(runs: xr.Dataset):
    plain, _ = shown(figures.learning_curves(runs, run=0))
    with mpl.rc_context({"axes.facecolor": "red", "xtick.labelsize": 30, "lines.linewidth": 9}):
        other, _ = shown(figures.learning_curves(runs, run=0))
    assert plain == other


def luminance(color: str) -> float:
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(("dark", "paper"), [(False, "#ffffff"), (True, "#131418")])
def test_text_is_legible_on_paper_and_on_dark_screens(dark: bool, paper: str):
    colors = dict(re.findall(r"--(\S+): (#\w{6});", _svg.variables(dark)))
    for name in ("ink", "quiet", "train", "test"):
        pair = sorted([luminance(colors[name]), luminance(paper)])
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 3.5, name


# A map of phases.


def diagram_of(**axes: list) -> xr.Dataset:
    """Two runs in most cells of a grid; the last has none."""
    shape = tuple(map(len, axes.values()))
    places = np.indices((*shape, 2)).reshape(len(shape) + 1, -1)
    coords = {
        path: ("run", np.asarray(values)[place])
        for (path, values), place in zip(axes.items(), places, strict=False)
    }
    keen = (places[0] + places[-1] > 0).astype(np.int8)
    status = np.full(keen.size, 2, np.int8)
    status[-2:] = 0
    runs = xr.Dataset({"keen": ("run", keen), "status": ("run", status)}, coords)
    flags = {"flag_values": np.array([0, 1], np.int8), "flag_meanings": "dull keen"}
    return measures.phase_diagram(
        runs, list(axes), lambda runs: runs.keen.drop_vars(runs.keen.coords).assign_attrs(flags)
    )


def test_a_diagram_divides_every_cell_by_its_phases():
    diagram = diagram_of(learning_rate=[0.1, 0.2], width=[1, 2])
    figure = figures.phase_diagram(diagram)
    told = words(figure)
    assert {"dull (0 cells, 2 runs)", "keen (4 cells, 4 runs)", "no run seen"} <= set(told)
    assert {"learning rate", "width", "0.1", "0.2"} <= set(told)
    seen = [text for text in told if "/" in text]
    assert len(seen) == 3  # of four cells; the last has its probability alone
    first = diagram.isel(learning_rate=1, width=0)
    assert f"{first.probability.max().item():.0%}\n2/2" in seen
    strips = [p for p in figure.axes[0].patches if isinstance(p, Rectangle) and not p.get_hatch()]
    widths = np.array([p.get_width() for p in strips]).reshape(2, 2, 2) / 0.94
    np.testing.assert_allclose(widths, diagram.probability.values)
    assert sum(p.get_hatch() is not None for p in figure.axes[0].patches) == 1


def test_a_third_axis_makes_panels():
    figure = figures.phase_diagram(
        diagram_of(rate=[1, 2], width=[1, 2], decay=[0.5, 1.0, 2.0, 4.0])
    )
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["decay 0.5", "decay 1", "decay 2", "decay 4"]


def test_where_phases_meet_a_line_is_drawn():
    diagram = diagram_of(rate=[1, 2], width=[1, 2])
    share = diagram.probability.copy()
    share[0, :], share[1, :] = [0.9, 0.1], [0.2, 0.8]
    (axes,) = figures.phase_diagram(diagram.assign(probability=share)).axes
    ends = [np.stack(line.get_data(), 1).tolist() for line in axes.lines]
    assert ends == [[[0.5, -0.5], [0.5, 0.5]], [[0.5, 0.5], [0.5, 1.5]]]
