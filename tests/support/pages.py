"""The commands whose pages are tested."""

COMMANDS = {
    "kmeans": ("-k", 6),
    "em": ("-k", 3, "--init", "random"),
    "compare": ("-k", "2,4", "--engine", "numpy,pillow-median"),
    "timing": ("--engine", "numpy", "--repeat", 2, "--warmup", 0, "--scale", "0.5,1"),
}
