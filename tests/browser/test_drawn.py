"""What the live figures draw: in the right place, the right colour, under the right name.

recorder.js notes every call of a canvas. Pixels become coordinates by the labels of the ticks.
"""

from colorsys import rgb_to_hsv
from pathlib import Path

import numpy as np
import pytest
from figures import CHAPTERS, DATA
from matplotlib.colors import to_rgb
from scipy.stats import norm

from aebook import live
from aebook.densities import Mixture, log_density
from aebook.plots import DIGIT_COLOURS

RECORDER = Path(__file__).with_name("recorder.js")
GREY, WHITE = "#4d4d4d", "#ffffff"
PAPERS = 1, 0.88  # how light the paper is, in the light theme and in the dark one
IDENTITY, LOG = (np.array, np.array), (np.log10, lambda v: 10**v)


class Sheet:
    """What stands on one canvas: its strokes, texts, images ..., as the recorder noted them."""

    def __init__(self, figure, index=0):
        figure.settle()
        self.drawn = figure.place.locator("canvas").nth(index).evaluate("canvas => canvas.drawn")
        numbers = []
        for said in self.of("text", GREY):
            text = said["text"].replace("−", "-")
            if text.lstrip("-").replace(".", "").isdigit():
                numbers.append((float(text), *said["at"]))
        foot, side = max(y for _, _, y in numbers), min(x for _, x, _ in numbers)
        self.ticks = ([(x, v) for v, x, y in numbers if y == foot],
                      [(y, v) for v, x, y in numbers if x == side])  # fmt: skip

    def of(self, kind, colour=None):
        """All things of that kind, in that colour where one is given, but for white rims."""
        drawn = [said for said in self.drawn if said["kind"] == kind]
        colours = [said.get("colour") for said in drawn]
        return [said for said, its in zip(drawn, colours, strict=True)
                if its != WHITE and colour in (None, its)]  # fmt: skip

    def coordinates(self, places, x_axis=IDENTITY):
        """(n, 2) places in the units of the axes. x_axis: (function, inverse) of its scale."""
        found = []
        axes = zip(self.ticks, np.transpose(places), (x_axis, IDENTITY), strict=True)
        for ticks, pixels, (forth, back) in axes:
            at, values = np.transpose(ticks)
            line = np.polyfit(at, forth(values), 1)
            assert np.allclose(np.polyval(line, at), forth(values)), "uneven ticks"
            found.append(back(np.polyval(line, pixels)))
        return np.transpose(found)


@pytest.fixture
def recorded(page, open_figure):
    """recorded("latent") is that figure, every stroke of it noted."""
    page.add_init_script(path=RECORDER)
    return open_figure


@pytest.fixture(scope="module")
def arrays():
    return live.unpack(*live.read_data(DATA / "vae.js"))[0]


def hue(colour):
    return rgb_to_hsv(*to_rgb(colour))[0]


def contrast(colour, paper=1):
    """By WCAG, against white; both shown less bright where `paper` is less than 1."""
    shown = paper * np.array([to_rgb(colour), (1, 1, 1)])
    linear = np.where(shown <= 0.04, shown / 12.92, ((shown + 0.055) / 1.055) ** 2.4)
    letter, white = linear @ [0.2126, 0.7152, 0.0722] + 0.05
    return white / letter


def ellipses(sheet):
    """Centre and radii of every ellipse, in units of the axes."""
    found = [place for said in sheet.of("stroke") for place in said["path"] if len(place) == 7]
    centres, corners = ([(u + k * a, v - k * b) for u, v, a, b, *_ in found] for k in (0, 1))
    centres = sheet.coordinates(centres)
    return centres, sheet.coordinates(corners) - centres


@pytest.mark.parametrize(("name", "canvas"), [("latent", 0), ("draw", 1)])
def test_numerals_stand_at_their_codes_in_their_colours(recorded, arrays, name, canvas):
    sheet = Sheet(recorded(name), canvas)
    numerals = [
        said for said in sheet.of("text") if said["text"].isdigit() and said["colour"] != GREY
    ]
    assert [int(said["text"]) for said in numerals] == arrays["code_y"].tolist()
    places = sheet.coordinates([said["at"] for said in numerals])
    assert np.abs(places - arrays["code_mean"]).max() < 1e-6
    looks = {(int(said["text"]), said["colour"]) for said in numerals}
    assert len(looks) == 10
    for digit, colour in looks:  # the book's colour of that digit; darkened if it is too pale
        usual = DIGIT_COLOURS[digit]
        assert colour == usual.lower() or contrast(usual) < 4.5
        assert abs(hue(colour) - hue(usual)) < 0.02


@pytest.mark.parametrize("name", CHAPTERS)
def test_letters_are_legible_on_the_paper_of_both_themes(recorded, page, name):
    figure = recorded(name)
    for theme, paper in zip(("light", "dark"), PAPERS, strict=True):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        canvases = figure.place.locator("canvas")
        assert canvases.first.evaluate("e => getComputedStyle(e).filter") == f"brightness({paper})"
        drawn = canvases.evaluate_all("list => list.flatMap(canvas => canvas.drawn ?? [])")
        colours = {said["colour"] for said in drawn if said["kind"] == "text"}
        for colour in colours:  # a colour says what is meant; the letter or its place do, too
            grey = len(set(to_rgb(colour))) == 1
            assert contrast(colour, paper) >= (7 if grey else 4.5), colour


def test_the_grid_shows_what_is_decoded_at_the_quantiles_of_the_prior(recorded):
    figure = recorded("latent")
    assert Sheet(figure).of("frame") == []
    figure.place.get_by_label("the 7 × 7 grid, decoded").check()
    sheet = Sheet(figure)
    boxes = np.array([said["box"] for said in sheet.of("frame")])
    places = sheet.coordinates(boxes[:, :2] + boxes[:, 2:] / 2)
    quantiles = norm.ppf(np.linspace(0.05, 0.95, 7))
    wanted = [(z1, z2) for z2 in quantiles for z1 in quantiles]
    assert np.abs(places - wanted).max() < 1e-5
    for z, picture in zip(places, sheet.of("picture"), strict=True):
        assert np.abs(np.subtract(figure.call("decode", z), picture["ink"])).max() < 0.005


def test_spots_are_ellipses_of_one_and_a_half_sd_with_their_names(recorded):
    figure = recorded("latent")
    figure.slide("z₂", -1.5)
    sheet, ends = Sheet(figure), figure.handle.evaluate("place => place.live.ends")
    centres, radii = ellipses(sheet)
    for name, centre, radius in zip("AB", centres, radii, strict=True):
        assert np.allclose(centre, ends[name]["mean"])
        assert np.allclose(radius, 1.5 * np.exp(np.array(ends[name]["logVar"]) / 2))
        (at,) = [said["at"] for said in sheet.of("text") if said["text"] == name]
        distances = np.linalg.norm(sheet.coordinates([at]) - centres, axis=1)
        assert np.argmin(distances) == "AB".index(name)
    (way,) = [said["path"] for said in sheet.of("stroke") if said["dash"]]
    assert np.allclose(sheet.coordinates(way), [ends["A"]["mean"], ends["B"]["mean"]])
    (ring,) = [p for said in sheet.of("stroke") for p in said["path"] if len(p) == 5]
    assert np.allclose(sheet.coordinates([ring[:2]]), figure.call("where"))


def test_a_drawing_is_put_where_its_code_lies(recorded):
    figure = recorded("draw")
    code, sheet = figure.call("state")["code"], Sheet(figure, 1)
    centres, radii = ellipses(sheet)
    assert np.allclose(centres, [code["mean"]])
    assert np.allclose(radii, 1.5 * np.exp(np.array(code["logVar"]) / 2))
    (hairs,) = [said["path"] for said in sheet.of("stroke") if said["dash"]]
    ends = sheet.coordinates(hairs)
    assert np.allclose(ends[:4, 1], code["mean"][1])
    assert np.allclose(ends[4:, 0], code["mean"][0])


def test_a_curve_is_its_density_under_its_own_letter_in_its_colour(recorded):
    figure = recorded("modes")
    figure.slide("distance", 5.5)
    for box in ("forward KL", "mixture"):
        figure.place.get_by_label(box).check()
    sheet, state = Sheet(figure), figure.call("state")
    letters = {"truth": "p", "maximum likelihood": "L", "forward KL": "F", "mixture": "M",
               "reverse KL, global": "R", "reverse KL, equal best": "R",
               "reverse KL, local": "r"}  # fmt: skip
    rows = figure.place.locator("tbody th").all_inner_texts()
    labels = [said for said in sheet.of("text") if said["text"] in letters.values()]
    curves = [said for said in sheet.of("stroke") if len(said["path"]) == 401]
    for curve, label, row, said in zip(curves, labels, rows, state["curves"], strict=True):
        x, density = sheet.coordinates(curve["path"]).T
        mixture = Mixture(*(said["mixture"][key] for key in Mixture._fields))
        assert np.allclose(density, np.exp(log_density(x, mixture)), atol=1e-6)
        letter = next(v for k, v in letters.items() if said["name"].startswith(k))
        assert label["text"] == letter
        assert row == f"{letter}: {said['name']}"
        assert label["colour"] == curve["colour"]
        assert abs(sheet.coordinates([label["at"]])[0, 0] - x[density.argmax()]) < 1e-6
    looks = {curve["colour"] + str(curve["dash"]) for curve in curves}
    assert len(looks) == len({label["text"] for label in labels}) == 6


def test_bars_and_small_ticks_are_the_guests(recorded):
    figure = recorded("modes")
    sheet, x = Sheet(figure), np.array(figure.call("state")["x"])
    left, density = sheet.coordinates([said["box"][:2] for said in sheet.of("bar")]).T
    for low, height in zip(left, density, strict=True):
        assert abs(np.mean((x >= low - 1e-9) & (x < low + 0.5)) / 0.5 - height) < 1e-6
    assert abs(density.sum() * 0.5 - 1) < 1e-6
    (ticks,) = [said["path"] for said in sheet.of("stroke") if len(said["path"]) == 2 * len(x)]
    assert np.allclose(sheet.coordinates(ticks[::2])[:, 0], x)


def test_a_method_of_compression_is_named_in_the_colour_of_its_curve(recorded):
    figure = recorded("bottleneck")
    _, settings = live.unpack(*live.read_data(DATA / "bottleneck.js"))
    figure.slide("size of the code", 5)
    sheet = Sheet(figure, figure.place.locator("canvas").count() - 1)
    colours = set()
    for name, method in settings.items():
        (label,) = [said for said in sheet.of("text") if said["text"] == name]
        colours.add(label["colour"])
        (line,) = [said["path"] for said in sheet.of("stroke", label["colour"])]
        size, psnr = sheet.coordinates(line, LOG).T
        assert np.allclose(size, method["bytes"])
        assert np.allclose(psnr, -20 * np.log10(method["rmse"]))
        (dot,) = sheet.of("fill", label["colour"])
        chosen = max(i for i, b in enumerate(method["bytes"]) if b <= figure.call("budget"))
        assert np.allclose(dot["path"][0][:2], line[chosen])
    assert len(colours) == len(settings)
