"""What a job's outputs share is computed once: the histogram, the other fits, the iterations, the posteriors."""

import json
from collections import Counter

import pytest

from colorquant.analysis import sweep as sweeps
from colorquant.color.histogram import ColorHistogram
from colorquant.fitting import engines
from colorquant.fitting.models import GaussianMixture


@pytest.fixture
def calls(monkeypatch):
    """How often colours were counted, models fitted by k and start, and posteriors computed of how many colours."""
    calls = Counter()
    count, fit, posteriors = ColorHistogram.count, engines.fit, GaussianMixture.posteriors

    def counting(*args, **options):
        calls["count"] += 1
        return count(*args, **options)

    def fitting(samples, options, *rest, **more):
        calls[options.method, options.k, options.init] += 1
        return fit(samples, options, *rest, **more)

    def computing(model, features):
        calls["posteriors"] += 1
        calls["colours"] = len(features)
        return posteriors(model, features)

    monkeypatch.setattr(ColorHistogram, "count", staticmethod(counting))
    monkeypatch.setattr(engines, "fit", fitting)
    monkeypatch.setattr(GaussianMixture, "posteriors", computing)
    return calls


@pytest.mark.usefixtures("few_ks")
@pytest.mark.parametrize("figure", ["elbow", "convergence"])
def test_pages_figures_and_posteriors_share_the_work(calls, run, photo, tmp_path, figure):
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
    result = run(
        *(
            "em",
            photo,
            "-k",
            4,
            "--init",
            "search",
            "--effort",
            "fast",
            "-o",
            tmp_path / "out.png",
            "--html",
            tmp_path / "page.html",
        ),
        *("--posteriors", "npy", "--uncertainty", tmp_path / "uncertainty.png"),
        *("--figure", tmp_path / "figure.svg", "--figure-kind", figure),
    )
    assert result.exit_code == 0, result.output
    assert calls.pop("count") == 1
    assert calls.pop("posteriors") == 1
    assert calls.pop("colours") > 1000
    textbook = {("em", 4, "random"): 1}
    assert calls == {**{("em", k, "search"): 1 for k in sweeps.sweep_ks(4)}, **textbook}


def test_posteriors_too_large_to_keep_are_computed_in_blocks_to_the_same_bytes(run, photo, tmp_path, monkeypatch):
    from colorquant.analysis import posteriors as posteriors_module

    rows = []
    original = GaussianMixture.posteriors
    monkeypatch.setattr(
        GaussianMixture, "posteriors", lambda model, features: rows.append(len(features)) or original(model, features)
    )
    folders = [tmp_path / "kept", tmp_path / "blocks"]
    for folder in folders:
        folder.mkdir()
        words = ("em", photo, "-k", 8, "--max-iter", 3, "-o", folder / "out.png")
        assert run(*words, "--posteriors", "png", "--uncertainty", folder / "u.png").exit_code == 0
        monkeypatch.setattr(posteriors_module, "KEPT", 1000)
    whole, *blocks = rows
    assert sum(blocks) == 2 * whole, "each output goes over all colours once"
    assert max(blocks) < whole
    names = sorted(path.name for path in folders[0].iterdir())
    assert len(names) == 10
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_the_trials_of_auto_are_those_of_its_page_and_figure(calls, run, photo, tmp_path):
    pytest.importorskip("matplotlib", reason="needs matplotlib: the extra plot")
    words = ("-k", "auto", "--target", "psnr:26", "-o", tmp_path / "out.png", "--html", tmp_path / "page.html")
    figure = ("--figure", tmp_path / "figure.svg", "--figure-kind", "elbow", "--json")
    result = run("kmeans", photo, *words, *figure)
    assert result.exit_code == 0, result.output
    row = json.loads(result.stdout)
    ks = [point["k"] for point in row["auto"]["curve"]]
    assert calls.pop("count") == 1
    assert calls == {**{("kmeans", k, "split"): 1 for k in ks}, ("kmeans", row["k"], "random"): 1}
    svg = (tmp_path / "figure.svg").read_text()
    assert f"k = {row['k']}, chosen" in svg
    assert "target: 26 dB" in svg
