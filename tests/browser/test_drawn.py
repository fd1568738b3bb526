"""What the live figures draw: in the right place, the right colour, under the right name.

recorder.js notes every call of a canvas. Pixels become coordinates by the labels of the ticks.
"""

from colorsys import rgb_to_hsv
from pathlib import Path

import numpy as np
import pytest
from figures import CHAPTERS, DATA
from matplotlib.colors import to_rgb

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


def arrays_of(name):
    return live.unpack(*live.read_data(DATA / f"{name}.js"))[0]


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


def test_numerals_stand_at_their_codes_in_their_colours(recorded):
    sheet, arrays = Sheet(recorded("draw"), 1), arrays_of("draw")
    numerals = [
        said for said in sheet.of("text") if said["text"].isdigit() and said["colour"] != GREY
    ]
    assert [int(said["text"]) for said in numerals] == arrays["code_y"].tolist()
    places = sheet.coordinates([said["at"] for said in numerals])
    assert np.abs(places - arrays["2_code_mean"]).max() < 1e-6
    looks = {(int(said["text"]), said["colour"]) for said in numerals}
    assert len(looks) == 10
    for digit, colour in looks:  # the book's colour of that digit; darkened if it is too pale
        usual = DIGIT_COLOURS[digit]
        assert colour == usual.lower() or contrast(usual) < 4.5
        assert abs(hue(colour) - hue(usual)) < 0.02


@pytest.mark.parametrize(("name", "canvas", "key"), [("latent", 0, "code"), ("between", 0, "ae"),
                                                     ("between", 2, "vae")])  # fmt: skip
def test_stamped_numerals_stand_at_their_codes(recorded, name, canvas, key):
    sheet, arrays = Sheet(recorded(name), canvas), arrays_of(name)
    stamps = sheet.of("stamp")
    places = sheet.coordinates([[said["box"][0] + 8, said["box"][1] + 8] for said in stamps])
    assert len(stamps) > 100
    codes, y = arrays[f"{key}_mean"], arrays["code_y"]
    apart = np.linalg.norm(places[:, None] - codes, axis=-1)
    spread = codes.std()
    for nearest, far, said in zip(apart.argmin(axis=1), apart.min(axis=1), stamps, strict=True):
        assert far < 1e-4 * spread
        assert int(said["text"]) == y[nearest]


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


def test_an_end_at_a_digits_code_has_its_spot_and_the_way_leads_from_one_to_the_other(recorded):
    figure = recorded("latent")
    figure.slide("way from A to B", 0.25)
    sheet, state = Sheet(figure), figure.call("state")
    ends, z = state["ends"], state["z"]
    centres, radii = ellipses(sheet)
    for name, centre, radius in zip("AB", centres, radii, strict=True):
        assert np.allclose(centre, ends[name]["mean"])
        assert np.allclose(radius, 1.5 * np.exp(np.array(ends[name]["logVar"]) / 2))
    (way,) = [said["path"] for said in sheet.of("stroke") if said["dash"] == [5, 4]]
    assert np.allclose(sheet.coordinates(way), [ends["A"]["mean"], ends["B"]["mean"]])
    (ring,) = [p for said in sheet.of("stroke") for p in said["path"] if len(p) == 5 and p[2] == 9]
    assert np.allclose(sheet.coordinates([ring[:2]]), z)
    (beside,) = sheet.of("picture")
    assert np.abs(np.subtract(figure.call("decode", z), beside["ink"])).max() < 0.005


def test_a_dozen_draws_lie_in_the_plane_where_they_are_decoded(recorded):
    figure = recorded("posterior")
    figure.slide("σ₁", 0)
    sheet, state = Sheet(figure), figure.call("state")
    dots = [said["path"][0][:2] for said in sheet.of("fill", "#1a1a1a")][-12:]
    assert np.allclose(sheet.coordinates(dots), state["places"])
    *_, own = zip(*ellipses(sheet), strict=True)
    assert np.allclose(own[0], [state["m1"], state["m2"]])
    assert np.allclose(own[1], 1.5 * np.array([state["s1"], state["s2"]]))
    pictures = figure.place.locator("canvas").nth(1).evaluate("canvas => canvas.drawn")
    inks = [said["ink"] for said in pictures if said["kind"] == "picture"]
    for z, ink in zip(state["places"], inks, strict=True):
        assert np.abs(np.subtract(figure.call("decode", z), ink)).max() < 0.005


def test_a_drawing_is_put_where_its_code_lies(recorded):
    figure = recorded("draw")
    figure.place.get_by_label("sample").select_option("4")
    figure.settle()
    code, sheet = figure.call("state")["codes"][0], Sheet(figure, 1)
    centres, radii = ellipses(sheet)
    assert np.allclose(centres, [code["mean"]])
    assert np.allclose(radii, 1.5 * np.exp(np.array(code["logVar"]) / 2))
    (hairs,) = [said["path"] for said in sheet.of("stroke") if said["dash"]]
    ends = sheet.coordinates(hairs)
    assert np.allclose(ends[:4, 1], code["mean"][1])
    assert np.allclose(ends[4:, 0], code["mean"][0])


def test_both_densities_and_the_ink_between_them_are_drawn_in_their_colours(recorded):
    figure = recorded("fit")
    figure.place.get_by_role("button", name="on a mode").click()
    sheet, state = Sheet(figure), figure.call("state")
    truth = Mixture(*(state["truth"][key] for key in Mixture._fields))
    q = Mixture([1], [state["mean"]], [state["sd"]])
    curves = [said for said in sheet.of("stroke") if len(said["path"]) == 321]
    letters = {said["text"]: said for said in sheet.of("text") if said["text"] in "pqFR"}
    for name, mixture, curve in zip("pq", (truth, q), curves, strict=True):
        x, density = sheet.coordinates(curve["path"]).T
        assert np.allclose(density, np.exp(log_density(x, mixture)), atol=1e-6)
        assert letters[name]["colour"] == curve["colour"]
    assert curves[0]["dash"] != curves[1]["dash"]
    # F where p is and q is not, R where q has more than p: on the other mode, and on this one.
    assert abs(sheet.coordinates([letters["F"]["at"]])[0, 0] - 5) < 1
    assert abs(sheet.coordinates([letters["R"]["at"]])[0, 0]) < 1
    ink = np.array([said["box"] for said in sheet.of("bar")])
    x, top = sheet.coordinates(ink[:, :2] + [0.5, 0]).T
    logs = [log_density(x, mixture) for mixture in (truth, q)]
    assert np.allclose(top, np.exp(np.maximum(*logs)), atol=1e-3)


def test_a_method_of_compression_is_named_in_the_colour_of_its_curve(recorded):
    figure = recorded("bottleneck")
    _, settings = live.unpack(*live.read_data(DATA / "bottleneck.js"))
    settings.pop("own")  # of the reader's drawing
    figure.slide("size of the code", 5)
    sheet = Sheet(figure, 3)  # below the test images and both methods' copies
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
