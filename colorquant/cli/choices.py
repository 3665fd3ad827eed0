"""The names that options offer, and the defaults that their help shows.

The tables of these names (``ENGINES``, ``SPACES`` and so on) are where they are used, in modules that load numpy and
Pillow. ``--help`` and shell completion load this module instead, which imports nothing.
``tests/core/test_architecture.py`` checks that each entry agrees with its table.
"""

MAX_COLORS = 65_536
MAX_PIXELS = 178_000_000
METHODS = ("kmeans", "em")
ENGINES = ("numpy", "opencv", "sklearn")
BASELINES = ("pillow-median", "pillow-octree", "imagequant")
SPACES = ("rgb", "gray", "ycrcb", "lab", "oklab")
INITS = {"kmeans": ("split", "pp", "random"), "em": ("kmeans", "random", "search")}
AUTO_DEFAULTS = {"kmeans": "elbow", "em": "bic"}
ALPHAS = ("palette", "keep")
COVARIANCES = ("spherical", "diagonal", "full", "tied", "identity")
EFFORTS = ("fast", "balanced", "best")
ASSIGNMENTS = ("posterior", "nearest", "nearest-l1")
PROTECTIONS = ("small",)
PAINTS = ("members", "mean", "dominant", "centers")
DITHERS = (
    "none",
    "floyd-steinberg",
    "false-floyd-steinberg",
    "atkinson",
    "jarvis",
    "stucki",
    "burkes",
    "sierra",
    "sierra2",
    "sierra-lite",
    "bayer2",
    "bayer4",
    "bayer8",
    "bayer16",
    "blue-noise",
    "riemersma",
)
DITHER_SPACES = ("linear", "srgb")
PALETTE_SUFFIXES = (
    ".json",
    ".gpl",
    ".hex",
    ".csv",
    ".act",
    ".ase",
    ".aco",
    ".pal",
    ".txt",
    ".css",
    ".scss",
    ".png",
    ".soc",
)
DISTANCES = ("euclidean", "ciede2000")
BUILT_IN_PALETTES = (
    "bw",
    "gray4",
    "gray16",
    "web216",
    "ansi16",
    "ansi256",
    "cga",
    "gameboy",
    "c64",
    "pico8",
    "tableau10",
)
PALETTE_ORDERS = ("as-is", "share", "luma", "hue")
FIGURES = ("segmented-histogram", "gaussians", "ellipses", "colors3d", "convergence", "elbow", "grid")
COMPARISON_FIGURES = ("elbow", "grid", "rate")
TIMING_STAGES = ("quantize", "fit")
TIMING_CRITERIA = {"max_iter": 10, "kmeans": 0.2, "em": 0.001}
CLIP_KINDS = ("mp4", "mkv", "webm", "gif", "png", "webp", "frames")
CLIP_SUFFIXES = (".mp4", ".mkv", ".webm", ".gif", ".png", ".webp")
CLIP_LABELS = ("mkv", "npy", "png")
CLIP_POSTERIORS = ("npy", "png")
CLIP_FIGURES = ("shares",)
BACKGROUNDS = ("mog2", "knn")
