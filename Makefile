# Needs git, make and Python 3.11 or newer; everything else is installed into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
FUZZ_SECONDS := 60
# The tests start the program hundreds of times, and every worker loads them all: bytecode helps, also where
# PYTHONDONTWRITEBYTECODE is set.
COMPILE := $(BIN)/python -m compileall -q colorquant
PYTEST := PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: demo demo-video test test-slow fuzz lint format bench bench-full bench-setup samples clean

demo: $(VENV)/installed  ## quantize the sample picture with EM and with k-means
	$(BIN)/colorquant em sample_images/malaga.png -k 4 --space ycrcb -o out/ --force
	$(BIN)/colorquant kmeans sample_images/malaga.png -k 16 -o out/ --force
	@echo "The results lie in out/: malaga-em4.png and malaga-kmeans16.png"

demo-video: $(VENV)/installed-video  ## segment the sample clip, as a video and as an animation, with a page
	$(BIN)/colorquant video sample_images/clip.mp4 -k 5 --covariance full --standardize --protect small -o out/ --write mp4,gif --html out/clip.html --force
	@echo "The results lie in out/: clip-em5.mp4, clip-em5.gif, and the page clip.html with a player"

test: lint  ## lint, then all tests but the slow ones
	@$(COMPILE)
	$(PYTEST)

test-slow: $(VENV)/installed-dev  ## the slow tests: killed runs, labs, the README in a shell, every engine with every space
	@$(COMPILE)
	$(PYTEST) -m slow

fuzz: $(VENV)/installed-dev  ## the program on broken files for FUZZ_SECONDS; needs Linux
	@$(COMPILE)
	$(BIN)/python tests/fuzz.py --seconds $(FUZZ_SECONDS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/installed-bench  ## time and quality beside other quantizers, about 15 minutes
	$(BIN)/python -m benchmarks

bench-full: $(VENV)/installed-bench  ## every picture, the slow quantizers, instruction counts: hours
	$(BIN)/python -m benchmarks --images all --slow --instructions

bench-setup: $(VENV)/installed-bench  ## the other quantizers; their programs: apt-get install pngquant imagemagick valgrind

samples: $(VENV)/installed-video  ## draw the sample images and the sample clip again
	$(BIN)/python sample_images/make_samples.py
	$(BIN)/python sample_images/make_clip.py

clean:
	rm -rf $(VENV) out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable .
	@touch $@

$(VENV)/installed-video: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[video]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-bench: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[bench]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/installed
