"""The commands of docs/labs.md run and give the numbers in its tables; the labs' own calls give the same results."""

import json
import re
import runpy
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from score_labels import score_file
from sklearn.cluster import KMeans

from colorquant import FitOptions, quantize
from colorquant.analysis.agreement import Contingency
from colorquant.fitting.models import GaussianMixture
from colorquant.video.opening import open_clip

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = runpy.run_path(str(ROOT / "docs" / "pictures" / "make_labs.py"))["experiments"]()
KINDS = {"spherical": 0, "diagonal": 1, "full": 2}
NAMES_A_FILE = {"-o", "--trace", "--csv", "--figure", "--html"}


@pytest.fixture(scope="module")
def plate() -> np.ndarray:
    """The plate as cv2.imread(…, 0) gives it, (240, 1100) uint8."""
    return np.array(Image.open(ROOT / "sample_images" / "plate.jpg").convert("L"))


@pytest.fixture(scope="module")
def malaga() -> np.ndarray:
    """The sea front at a quarter of its width and height, (150, 200, 3) uint8: OpenCV's EM is slow."""
    return np.ascontiguousarray(np.array(Image.open(ROOT / "sample_images" / "malaga.png").convert("RGB"))[::4, ::4])


# --- the document ---


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """One folder for all experiments: none needs --force after another."""
    folder = tmp_path_factory.mktemp("labs")
    (folder / "sample_images").symlink_to(ROOT / "sample_images")
    return folder


@pytest.mark.parametrize("title", EXPERIMENTS)
def test_an_experiment_runs_and_gives_its_numbers(title, run, desk, monkeypatch):
    monkeypatch.chdir(desk)
    blocks = EXPERIMENTS[title]
    if find_spec("matplotlib") is None and any("--figure" in words for block in blocks for words in block.commands):
        pytest.skip("needs matplotlib")
    if find_spec("av") is None and any(words[0] == "video" for block in blocks for words in block.commands):
        pytest.skip("needs PyAV")
    for block in blocks:
        records = []
        for words in block.commands:
            result = run(*words, "--json")
            assert result.exit_code == 0, result.output
            assert "left out" not in result.stderr
            found = [json.loads(line) for line in result.stdout.splitlines()]
            records += [measured(record) for record in found] if words[0] == "video" else found
            for named in (words[place + 1] for place, word in enumerate(words) if word in NAMES_A_FILE):
                check_written(Path(named))
        assert records
        for source in block.pictures.values():
            check_written(Path(source))
        check_table(block.text, records)


def measured(record: dict) -> dict:
    """The record of a clip with the fields of its fit and its scores against the true classes."""
    (labels,) = (Path(output["path"]) for output in record["outputs"] if output["path"].endswith("-labels.npy"))
    scores = score_file(labels)
    labels.unlink()  # many of them would fill the disk
    return {**record.get("segments", [{}])[0], **record, **scores._asdict()}


def check_written(path: Path) -> None:
    """A folder with files, or a file that is what its ending says."""
    if path.is_dir():
        assert any(path.iterdir())
    elif path.suffix == ".csv":
        assert len(path.read_text().splitlines()) > 1
    elif path.suffix == ".mp4":
        assert len(list(open_clip(path).frames())) == 250
    elif path.suffix == ".html":
        assert 'data-slider="iterations"' in path.read_text()
    else:
        with Image.open(path) as image:
            image.load()
            assert image.format == "PNG"


def check_table(text: str, records: list[dict]) -> None:
    """The numbers of the tables in ``text``, whose rows are records found by the value in the first column."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    for (first, *keys), rows in ((lines[0], lines[1:]),) if lines else ():
        for name, *values in rows:
            (record,) = [record for record in records if str(record[first.strip("`")]) == name]
            for key, value in zip(keys, values, strict=True):
                assert agrees(record, key, value), f"{name}, {key}: {value} in the document"


def agrees(record: dict, key: str, said: str) -> bool:
    """Whether a number is what the document says, but for rounding, and what another processor may make of it."""
    other = re.fullmatch(r"ARI with `(.*)`", key)
    key = key.strip("`")
    if other:
        key = "ari"
        (found,) = [one["ari"] for one in record["agreement"] if one["cell"] == other[1]]
    else:
        found = record[key]
    if isinstance(found, bool):
        return said == str(found).lower()
    rounding = 0.5 * 10 ** -len(said.partition(".")[2])
    relative = {"n_iter": 0.1, "mse_std": 0.5}.get(key, 0.02)
    absolute = {"n_iter": 2, "ari": 0.03, "seeds_ari": 0.1, "mean_iou": 0.03, "foreground_iou": 0.03}.get(key, 0)
    return found == pytest.approx(float(said), rel=relative, abs=max(rounding, absolute))


def test_the_document_has_all_experiments():
    assert len(EXPERIMENTS) == 16
    commands = [words[0] for blocks in EXPERIMENTS.values() for block in blocks for words in block.commands]
    assert set(commands) == {"kmeans", "em", "compare", "timing", "video"}
    tables = [re.search(r"^\| ", block.text, re.MULTILINE) for blocks in EXPERIMENTS.values() for block in blocks]
    assert len([table for table in tables if table]) >= 15


def test_its_contents_lead_somewhere():
    text = (ROOT / "docs" / "labs.md").read_text()
    headings = [
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()) for line in text.splitlines() if line.startswith("##")
    ]
    anchors = re.findall(r"\]\(#([^)]+)\)", text)
    assert len(anchors) >= 15
    assert set(anchors) <= {heading.replace(" ", "-") for heading in headings}


def test_its_pictures_are_small():
    pictures = [picture for blocks in EXPERIMENTS.values() for block in blocks for picture in block.pictures]
    assert len(pictures) == len(set(pictures)) >= 15
    for picture in pictures:
        assert (ROOT / "docs" / picture).stat().st_size <= 62_000, picture


# --- document 0 ---


@pytest.mark.parametrize("k", [10, 20])
def test_unit_covariances(k, malaga):
    """The lab's E- and M-step, from the same start, pixel by pixel."""
    options = FitOptions("em", k, init="kmeans", max_iter=10, tol=0, covariance="identity")
    quantized = quantize(malaga, options, assign="nearest-l1", paint="centers", record=True)
    start, pixels = quantized.history[0].model, malaga.reshape(-1, 3).astype(float)
    means, weights = start.means, start.weights
    for _ in range(quantized.n_iter):
        squares = ((pixels[:, None] - means) ** 2).sum(axis=2)
        posteriors = weights * np.exp(-0.5 * (squares - squares.min(axis=1, keepdims=True)))
        posteriors /= posteriors.sum(axis=1, keepdims=True)
        sums = posteriors.sum(axis=0)
        means, weights = posteriors.T @ pixels / sums[:, None], sums / len(pixels)
    np.testing.assert_allclose(quantized.model.means, means, atol=1e-6)
    nearest = np.abs(pixels[:, None] - quantized.model.means).sum(axis=2).argmin(axis=1)
    painted = np.floor(quantized.model.means[nearest] + 0.5).reshape(malaga.shape)
    assert np.array_equal(quantized.rgb, painted)


def test_the_weights_of_the_start_hardly_matter(malaga):
    """The lab's start: scikit-learn's k-means from random centres, and equal weights."""
    pixels = malaga.reshape(-1, 3).astype(float)
    start = KMeans(10, init="random", n_init=1, random_state=0).fit(pixels).cluster_centers_
    found = []
    for weights in (np.full(10, 0.1), np.bincount(nearest_of(pixels, start), minlength=10) / len(pixels)):
        means = start
        for _ in range(10):
            model = GaussianMixture(weights, means, np.repeat(np.eye(3)[None], 10, axis=0), "identity")
            posteriors = model.posteriors(pixels)
            sums = posteriors.sum(axis=0, dtype=float)
            means, weights = posteriors.T.astype(float) @ pixels / sums[:, None], sums / len(pixels)
        found.append(means)
    assert np.abs(found[0] - found[1]).max() < 0.5


def nearest_of(pixels: np.ndarray, centers: np.ndarray) -> np.ndarray:
    return ((pixels[:, None] - centers) ** 2).sum(axis=2).argmin(axis=1)


# --- document 2 ---


@pytest.mark.parametrize("k", [2, 5, 10])
def test_values_from_0_to_1(k, malaga):
    """The lab's loop from the same centres: the same iterations, counted from 0 there, to the same centres."""
    options = FitOptions("kmeans", k, init="random", tol=2.55, max_iter=1000)
    quantized = quantize(malaga, options, record=True)
    data, centers = malaga.reshape(-1, 3) / 255, quantized.history[0].model.centers / 255
    t, shifts = -1, np.full(k, np.inf)
    while not (shifts < 1e-2).all():
        nearest = nearest_of(data, centers)
        means = np.array([data[nearest == label].mean(axis=0) for label in range(k)])
        shifts = np.linalg.norm(means - centers, axis=1)
        t, centers = t + 1, means
    assert (quantized.n_iter, quantized.converged) == (t + 1, True)
    np.testing.assert_allclose(quantized.model.centers / 255, centers, atol=1e-6)


# --- document 3 ---


def criteria(iterations: int, epsilon: float = 0.2) -> tuple[int, int, float]:
    return (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, iterations, epsilon)


def trained(data, k: int, covariance: str, iterations: int = 10, epsilon: float = 0.2, seed: int | None = 5):
    """The labels, means and covariances of the lab's call; without ``seed`` OpenCV's generator runs on."""
    em = cv2.ml.EM_create()
    em.setClustersNumber(k)
    em.setCovarianceMatrixType(KINDS[covariance])
    em.setTermCriteria(criteria(iterations, epsilon))
    if seed is not None:
        cv2.setRNGSeed(seed)
    _, _, labels, _ = em.trainEM(np.float32(data))
    return labels.ravel(), em.getMeans(), np.array(em.getCovs())


def em_options(k: int, space: str, covariance: str) -> FitOptions:
    return FitOptions("em", k, space, engine="opencv", max_iter=10, tol=0.2, seed=5, covariance=covariance)


def agreement(labels: np.ndarray, quantized) -> float:
    return Contingency.of(labels.ravel(), quantized.labels.ravel()).adjusted_rand_index


def same_to_the_bit(labels: np.ndarray, points: np.ndarray, quantized) -> bool:
    """Labels and points of a direct call, in the order of ours: by falling size."""
    rank = np.full(len(points), -1)
    rank[labels.ravel()] = quantized.labels.ravel()
    return np.array_equal(rank[labels.ravel()], quantized.labels.ravel()) and np.array_equal(
        quantized.model.points[rank], points
    )


@pytest.mark.parametrize("it", [2, 3, 4, 5])
def test_the_plate_in_two_levels(it, plate):
    cv2.setRNGSeed(124)
    flattened = np.float32(plate.reshape(-1, 1))
    _, labels, centers = cv2.kmeans(flattened, 2, None, criteria(it), it, cv2.KMEANS_RANDOM_CENTERS)
    options = FitOptions("kmeans", 2, "gray", None, "opencv", "random", it, max_iter=it, tol=0.2, seed=124)
    quantized = quantize(cv2.cvtColor(plate, cv2.COLOR_GRAY2RGB), options, paint="centers")
    assert same_to_the_bit(labels, centers, quantized)
    binarized = np.uint8(centers)[labels.ravel()].reshape(plate.shape)
    assert set(np.unique(quantized.rgb[:, :, 0].astype(int) - binarized)) <= {0, 1}  # rounded, not cut off


def test_4_8_and_16_colours(malaga):
    malaga = malaga[::2, ::2]
    flattened = np.float32(malaga.reshape(-1, 3))
    for k in (4, 8, 16):
        cv2.setRNGSeed(124)
        _, labels, centers = cv2.kmeans(flattened, k, None, criteria(10), 30, cv2.KMEANS_RANDOM_CENTERS)
        options = FitOptions("kmeans", k, "rgb", None, "opencv", "random", 30, max_iter=10, tol=0.2, seed=124)
        assert same_to_the_bit(labels, centers, quantize(malaga, options))


def test_bgr_gives_other_random_centres(malaga):
    """OpenCV draws them band by band; its k-means++ picks pixels, and does not mind the order of the bands."""
    for flags, alike in ((cv2.KMEANS_RANDOM_CENTERS, False), (cv2.KMEANS_PP_CENTERS, True)):
        found = []
        for order in (slice(None), slice(None, None, -1)):
            cv2.setRNGSeed(124)
            data = np.float32(malaga.reshape(-1, 3)[:, order])
            found.append(cv2.kmeans(data, 8, None, criteria(10), 1, flags)[1].ravel())
        assert (Contingency.of(*found).adjusted_rand_index > 0.99) == alike


def test_em_on_the_plate(plate):
    plate = plate[::2, ::2]
    labels, means, covariances = trained(plate.reshape(-1, 1), 2, "spherical")
    quantized = quantize(cv2.cvtColor(plate, cv2.COLOR_GRAY2RGB), em_options(2, "gray", "spherical"))
    assert same_to_the_bit(labels, means, quantized)
    np.testing.assert_array_equal(np.sort(quantized.model.covariances.ravel()), np.sort(covariances.ravel()))


def test_opencvs_epsilon_ends_em_at_its_second_iteration(plate, malaga):
    for data, k, covariance in ((plate[::2, ::2].reshape(-1, 1), 2, "spherical"), (malaga.reshape(-1, 3), 4, "full")):
        _, ten, _ = trained(data, k, covariance)
        _, two, _ = trained(data, k, covariance, iterations=2, epsilon=1e-12)
        _, three, _ = trained(data, k, covariance, iterations=3, epsilon=1e-12)
        assert np.array_equal(ten, two)
        assert not np.array_equal(ten, three)


def test_em_on_the_chroma(malaga):
    image = cv2.cvtColor(np.ascontiguousarray(malaga[:, :, ::-1]), cv2.COLOR_BGR2YCrCb)
    labels, means, _ = trained(image[:, :, 1:3].reshape(-1, 2), 3, "diagonal")
    quantized = quantize(malaga, em_options(3, "ycrcb", "diagonal"), paint="centers")
    assert same_to_the_bit(labels, means, quantized)
    image[:, :, 1:3] = np.uint8(means)[labels].reshape(*image.shape[:2], 2)
    shown = cv2.cvtColor(image, cv2.COLOR_YCrCb2RGB)
    difference = np.abs(quantized.rgb.astype(int) - shown).max(axis=2)
    assert np.mean(difference > 2) < 0.01  # but for decimals, and the pixels that leave sRGB


@pytest.mark.parametrize("covariance", KINDS)
def test_three_shapes_of_covariance(covariance, malaga):
    chroma = cv2.cvtColor(malaga, cv2.COLOR_RGB2YCrCb)[:, :, 1:3]
    labels, means, covariances = trained(chroma.reshape(-1, 2), 3, covariance)
    quantized = quantize(malaga, em_options(3, "ycrcb", covariance))
    assert same_to_the_bit(labels, means, quantized)
    order = [int(np.flatnonzero((means == mean).all(axis=1))[0]) for mean in quantized.model.means]
    np.testing.assert_allclose(quantized.model.covariances, covariances[order], rtol=1e-12)


def test_four_colours_in_rgb_and_in_ycrcb(malaga):
    """The lab sets the seed once; its reshape makes triples of the two chroma bands."""
    labels, means, _ = trained(malaga.reshape(-1, 3), 4, "full")
    assert same_to_the_bit(labels, means, quantize(malaga, em_options(4, "rgb", "full")))
    bands = cv2.cvtColor(malaga, cv2.COLOR_RGB2YCrCb)[:, :, 1:3]
    labels, means, _ = trained(bands.reshape(-1, 3), 4, "full", seed=None)
    assert len(labels) == bands.shape[0] * bands.shape[1] * 2 // 3
    chroma = np.uint8(means)[labels].reshape(-1, 2)
    assert len(np.unique(chroma, axis=0)) > 4
    ours = quantize(malaga, em_options(4, "ycrcb", "full"))
    labels, means, _ = trained(bands.reshape(-1, 2), 4, "full")
    assert same_to_the_bit(labels, means, ours)
    labels, _, _ = trained(bands.reshape(-1, 2), 4, "full", seed=None)  # the generator has run on
    assert agreement(labels, ours) > 0.9


def test_em_becomes_k_means_as_equal_variances_shrink(malaga):
    """From one start, EM with covariances σ²I: the labels tend to those of k-means."""
    malaga = malaga[::2, ::2]
    pixels = malaga.reshape(-1, 3).astype(float)
    kmeans = quantize(malaga, FitOptions("kmeans", 4, init="random", max_iter=1000, tol=0), record=True)
    start, found = kmeans.history[0].model.centers, []
    for sigma in (64.0, 16.0, 4.0, 1.0):
        means, weights = start, np.full(4, 0.25)
        for _ in range(100):
            model = GaussianMixture(weights, means, np.repeat(sigma**2 * np.eye(3)[None], 4, axis=0))
            posteriors = model.posteriors(pixels).astype(float)
            sums = posteriors.sum(axis=0)
            means, weights = posteriors.T @ pixels / sums[:, None], sums / len(pixels)
        found.append(agreement(model.predict(pixels), kmeans))
    assert found[-1] > 0.99
    assert found[0] < 0.9
    assert agreement(quantize(malaga, FitOptions("em", 4, covariance="full")).labels, kmeans) < 0.7


# --- document 4 ---


def test_a_full_mixture_on_z_scores(malaga):
    """The lab's E- and M-step on z-scores, pixel by pixel, from the same start."""
    options = FitOptions(
        "em", 3, covariance="full", init="kmeans", max_iter=25, tol=1e-10, standardize=True, reg_covar=1e-9
    )
    quantized = quantize(malaga, options, record=True)
    pixels = malaga.reshape(-1, 3).astype(float)
    mean, deviation = pixels.mean(axis=0), pixels.std(axis=0)
    data, start = (pixels - mean) / deviation, quantized.history[0].model
    means, weights = (start.means - mean) / deviation, start.weights
    covariances = start.covariances / np.outer(deviation, deviation)
    for _ in range(quantized.n_iter):
        joint = np.stack([w * density(data, m, c) for w, m, c in zip(weights, means, covariances, strict=True)], axis=1)
        posteriors = joint / joint.sum(axis=1, keepdims=True)
        sums = posteriors.sum(axis=0)
        means, weights = posteriors.T @ data / sums[:, None], sums / len(data)
        off = data[:, None] - means
        covariances = np.einsum("nk,nki,nkj->kij", posteriors, off, off) / sums[:, None, None]
    np.testing.assert_allclose((quantized.model.means - mean) / deviation, means, atol=1e-5)
    np.testing.assert_allclose(
        quantized.model.covariances / np.outer(deviation, deviation), covariances, rtol=1e-4, atol=1e-5
    )
    joint = np.stack([w * density(data, m, c) for w, m, c in zip(weights, means, covariances, strict=True)], axis=1)
    of_z_scores = np.log(joint.sum(axis=1)).mean()
    assert quantized.log_likelihood == pytest.approx(of_z_scores - np.log(deviation).sum(), abs=1e-6)


def density(data: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    off = data - mean
    squared = np.einsum("ni,ij,nj->n", off, np.linalg.inv(covariance), off)
    return np.exp(-0.5 * squared) / np.sqrt(np.linalg.det(2 * np.pi * covariance))
