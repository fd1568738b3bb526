"""Draw from the posterior: the draws, their pictures and what they cost, against Keras."""

import numpy as np
import pytest
from figures import DATA, vae_from
from keras import ops

from aebook import live, models


@pytest.fixture(scope="module")
def stored():
    """The VAE's decoder beside the page, and the other arrays."""
    arrays, _ = live.unpack(*live.read_data(DATA / "posterior.js"))
    return vae_from(arrays), arrays


@pytest.fixture
def posterior(open_figure):
    """posterior(): the figure, in sight."""
    return lambda: open_figure("posterior").look()


def q_of(state):
    """Mean and standard deviations."""
    return (np.array([state[key] for key in keys]) for keys in (("m1", "m2"), ("s1", "s2")))


def pixel_of(figure, z):
    """Where a place of the plane is on the screen."""
    box = figure.place.get_by_role("application").bounding_box()
    left, bottom = 26, box["height"] - 22
    wide = 4 * (box["width"] - left) / bottom
    return (box["x"] + left + (z[0] + wide) / (2 * wide) * (box["width"] - left),
            box["y"] + bottom - (z[1] + 4) / 8 * bottom)  # fmt: skip


def drag(page, start, stop):
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*stop, steps=4)
    page.mouse.up()


def test_draws_are_mean_plus_sigma_times_noise_and_cost_what_keras_says(posterior, page, stored):
    vae, arrays = stored
    figure = posterior()
    for digit in (7, 0, 3):
        figure.place.get_by_label("x is").select_option(str(digit))
        figure.slide("σ₁", -0.5)
        now = figure.state()
        mean, sigma = q_of(now)
        assert np.allclose(mean, arrays["code_mean"][digit])
        assert np.allclose(sigma, [10**-0.5, np.exp(arrays["code_log_var"][digit, 1] / 2)])
        z = mean + sigma * np.array(now["noise"])
        assert np.allclose(now["places"], z)
        x = np.repeat(arrays["images"][[digit]] / np.float32(255), len(z), axis=0)
        logits = vae.get_layer("decoder")(z.astype("float32"))
        reconstruction = float(ops.mean(models.reconstruction_loss(x, logits)))
        kl = float(ops.sum(models.kl_loss(mean[None], 2 * np.log(sigma)[None])))
        assert np.allclose(now["terms"], [reconstruction, kl, reconstruction + kl], atol=0.01)
        shown = [float(text) for text in figure.place.locator("td:last-child").all_inner_texts()]
        assert np.allclose(shown, now["terms"], atol=0.051)


def test_the_noise_is_held_still_while_the_mean_moves(posterior, page):
    figure = posterior()
    before = figure.state()
    mean, _ = q_of(before)
    drag(page, pixel_of(figure, mean), pixel_of(figure, (0.5, -1)))
    after = figure.state()
    assert after["noise"] == before["noise"]
    assert np.allclose([after["m1"], after["m2"]], [0.5, -1], atol=0.05)
    moved = np.subtract(after["places"], before["places"])
    assert np.allclose(moved, moved[0])
    assert after["terms"][0] > before["terms"][0] + 20  # it is no longer drawn there
    assert after["answer"] == before["terms"]
    figure.place.get_by_role("button", name="New ε").click()
    assert figure.state()["noise"] != before["noise"]
    figure.place.get_by_role("button", name="Encoder's q").click()
    assert np.allclose([figure.state()["m1"], figure.state()["m2"]], mean)


def test_a_square_makes_it_wider_and_one_term_pays_for_the_other(posterior, page):
    figure = posterior()
    figure.place.get_by_label("x is").select_option("0")
    before = figure.state()
    mean, sigma = q_of(before)
    right = pixel_of(figure, (mean[0] + 1.5 * sigma[0], mean[1]))
    drag(page, (right[0] + 18, right[1]), (right[0] + 18 - 6, right[1]))
    narrower = figure.state()
    assert narrower["s1"] < before["s1"]
    assert narrower["s2"] == before["s2"]
    assert narrower["terms"][1] > before["terms"][1]
    for key, others in (("ArrowLeft", 1), ("ArrowUp", 0)):
        figure.place.get_by_role("application").focus()
        held = figure.state()[f"m{others + 1}"]
        page.keyboard.press(key)
        assert figure.state()[f"m{others + 1}"] == held
    figure.slide("σ₂", 0)
    assert figure.state()["s2"] == 1
    assert "KL term" in figure.said()
    assert f"σ ({narrower['s1']:.2f}, 1.00)" in (
        figure.place.get_by_role("application").get_attribute("aria-label")
    )


def test_the_encoders_answer_costs_less_than_what_is_far_from_it(posterior):
    """Not the least there is: one network answers for all digits, and from twelve draws."""
    figure = posterior()
    for digit in range(10):
        figure.place.get_by_label("x is").select_option(str(digit))
        answer = figure.state()["answer"]
        for exponent in (-2.5, 0.3):
            figure.slide("σ₁", exponent)
            figure.slide("σ₂", exponent)
            assert figure.state()["terms"][2] > answer[2]
            assert figure.state()["answer"] == answer


def test_the_address_says_the_state_and_sets_it(posterior, page):
    figure = posterior()
    page.evaluate("location.hash = '#posterior?digit=0&s1=0.6&s2=0.6&seed=3&m3=1'")
    page.wait_for_function("place => place.live.state().digit === 0", arg=figure.handle)
    now = figure.state()
    assert (now["s1"], now["s2"], now["seed"]) == (0.6, 0.6, 3)
    figure.slide("σ₁", -1)
    assert page.evaluate("location.hash") == "#posterior?digit=0&seed=3&s1=0.1&s2=0.6"
    page.evaluate("location.hash = '#posterior?digit=12&m1=-1&m2=99&s1=0'")
    page.wait_for_function("place => place.live.state().m1 === -1", arg=figure.handle)
    now = figure.state()
    assert (now["digit"], now["m2"], now["s1"], now["seed"]) == (7, 4, 0.01, 1)
    figure.place.get_by_role("button", name="Reset").click()
    assert page.evaluate("location.hash") == "#posterior"


def test_a_finger_moves_the_mean(browser, book):
    from figures import CHAPTERS, Figure

    with browser.new_context(has_touch=True, viewport={"width": 375, "height": 667}) as context:
        page = context.new_page()
        page.goto(book(f"notebooks/{CHAPTERS['posterior']}.html"))
        figure = Figure(page, "posterior")
        figure.look()
        x, y = pixel_of(figure, (-1, -2))
        page.touchscreen.tap(x, y)
        assert np.allclose([figure.state()["m1"], figure.state()["m2"]], [-1, -2], atol=0.1)
