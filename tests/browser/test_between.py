"""Between the points: two planes under one pointer, their holes, and draws that land in them."""

import numpy as np
import pytest
from figures import DATA, vae_from

from aebook import live, models


@pytest.fixture(scope="module")
def stored():
    return live.unpack(*live.read_data(DATA / "between.js"))


@pytest.fixture
def between(open_figure):
    """between(): the figure, in sight."""
    return lambda: open_figure("between").look()


def canvas(figure, name):
    return figure.place.get_by_role("application", name=f"Latent plane of the {name}")


def test_both_decoders_are_keras_at_the_same_place_in_standard_deviations(between, stored):
    arrays, settings = stored
    figure = between()
    u = np.random.default_rng(0).normal(size=(15, 2))
    for k, (name, said) in enumerate(settings["models"].items()):
        z = np.array(said["middle"]) + np.array(said["spread"]) * u
        assert np.allclose([figure.call("place", point, k) for point in u], z)
        ours = [figure.call("decode", point, k) for point in z]
        assert np.abs(models.decode(vae_from(arrays, f"{name}_"), z) - ours).max() < 1e-5
    assert settings["models"]["vae"]["spread"] == [1, 1]
    assert min(settings["models"]["ae"]["spread"]) > 3  # on scales that nobody asked for


def test_a_hole_is_farther_from_the_codes_than_99_of_100_test_digits(between, stored):
    arrays, settings = stored
    figure = between()
    u = np.random.default_rng(1).uniform(-4, 4, size=(40, 2))
    for k, (name, said) in enumerate(settings["models"].items()):
        units = (arrays[f"{name}_mean"] - said["middle"]) / said["spread"]
        far = np.linalg.norm(units[:, None] - u, axis=-1).min(axis=0)
        ours = [figure.call("toNearest", point, k) for point in u]
        assert np.allclose(ours, far, atol=1e-5)
        holes = [figure.call("isHole", point, k) for point in u]
        assert holes == (np.array(ours) > said["usual"]).tolist()
        assert 0.1 < np.mean(holes) < 0.9
        # Of the codes in the figure themselves none is in a hole: that is what the grey says.
        assert not any(figure.call("isHole", point, k) for point in units[:20])


def test_one_pointer_is_at_the_same_place_of_both_planes(between, page):
    figure = between()
    left, right = (canvas(figure, name) for name in ("plain autoencoder", "VAE"))
    drawings = figure.pixels(0), figure.pixels(2)
    box = left.bounding_box()
    page.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 0.3 * box["height"])
    figure.settle()
    u = figure.call("state")["u"]
    assert u[0] > 1
    assert u[1] > 0.5
    for name, canvas_at in (("plain autoencoder", 0), ("VAE", 2)):
        assert canvas(figure, name).is_visible()
        assert figure.pixels(canvas_at) not in drawings
    box = right.bounding_box()
    page.mouse.click(box["x"] + 0.8 * box["width"], box["y"] + 0.3 * box["height"])
    assert np.allclose(figure.call("state")["u"], u, atol=0.05)
    assert page.evaluate("location.hash").startswith("#between?u1=")
    right.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowUp")
    assert figure.call("state")["u"] == [0, 0.5]
    assert "(0.00, 0.50) standard deviations" in left.get_attribute("aria-label")
    assert "plain autoencoder: nearest code" in figure.said()


def test_draws_are_the_same_noise_in_both_and_are_counted_in_the_holes(between):
    figure = between()
    for _ in range(20):
        figure.place.get_by_role("button", name="100 draws").click()
    figure.place.get_by_role("button", name="One draw").click()
    draws = np.array(figure.call("state")["draws"])
    assert len(draws) == 2001
    assert np.abs(draws.mean(axis=0)).max() < 4 / np.sqrt(2001)
    assert np.abs(draws.std(axis=0) - 1).max() < 4 / np.sqrt(2 * 2001)
    shares = []
    for k in range(2):
        inside = sum(figure.call("isHole", u, k) for u in draws[:300])
        shares.append(inside / 300)
        said = figure.place.locator(".between-says").nth(k).inner_text()
        (count,) = [int(word) for word in said.split("\n")[-1].split() if word.isdigit()][:1]
        assert abs(count / 2001 - inside / 300) < 0.08
        assert "of 2001 draws in holes" in said
    assert shares[0] > 1.5 * shares[1]  # the lesson of the figure


def test_the_address_says_the_place_and_leads_to_the_widest_hole(between, page):
    figure = between()
    page.evaluate("location.hash = '#between?to=hole'")
    page.wait_for_function("place => place.live.isHole(place.live.state().u, 0)", arg=figure.handle)
    u = figure.call("state")["u"]
    assert np.linalg.norm(u) <= 2
    figure.place.get_by_role("button", name="Reset").click()
    assert page.evaluate("location.hash") == "#between"
    figure.place.get_by_role("button", name="Widest hole").click()
    assert figure.call("state")["u"] == u
    page.evaluate("location.hash = '#between?u1=1.25&u2=-99&u3=1'")
    page.wait_for_function("place => place.live.state().u[0] === 1.25", arg=figure.handle)
    assert figure.call("state")["u"] == [1.25, -4]
