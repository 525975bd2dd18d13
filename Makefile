# The two commands for a fresh machine are `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
DEMO := .venv-demo
BIN := $(VENV)/bin

SAMPLES := $(or $(OSTRAKA_DATA),../shared/data)

.PHONY: setup desk-server demo test check weights bench bench-scale docs test-readers proofs cot-proof rl-proof clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

# The light core and webdataset alone; of scikit-image only the photographs that it ships.
$(DEMO)/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEMO)
	$(DEMO)/bin/pip install --quiet --constraint constraints.txt --editable . webdataset
	$(DEMO)/bin/pip install --quiet --constraint constraints.txt --no-deps scikit-image
	touch $@

demo: $(DEMO)/.done
	$(DEMO)/bin/ostraka demo

# Label Studio in an environment of its own, for the desk: a gigabyte, once.
desk-server: setup
	$(BIN)/python -c "from annotators.desk.label_studio.environment import make_environment as make; make('build/desk-server')"

test: setup desk-server
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: setup
	$(BIN)/sphinx-build --fail-on-warning --nitpicky --quiet docs docs/_build/html

# A small picture and text model of the sample captions, for caption-small; it is no CLIP.
weights: setup
	$(BIN)/ostraka ingest $(SAMPLES)/image_caption/coco_mini --shelf build/weights/shelf
	$(BIN)/ostraka weights --shelf build/weights/shelf --to build/weights/clip-small

bench: setup
	$(BIN)/python -m bench

# An hour or two and 30 GB of disk, below build/scale; it goes on where it stopped.
bench-scale: setup
	$(BIN)/python -m bench.scale

test-readers: setup
	tests/readers/run.sh

# Longer proofs: each resumes where it was and writes its table into docs/proofs/.
proofs: setup
	$(BIN)/python tests/long/kill_everywhere.py
	$(BIN)/python tests/long/engines.py
	$(BIN)/python tests/long/memory.py
	$(BIN)/python tests/long/sees.py
	$(BIN)/python tests/long/words.py
	$(BIN)/python tests/long/kinds.py
	$(BIN)/python tests/long/video.py
	$(BIN)/python tests/long/desk.py
	$(BIN)/python tests/long/desk_frames.py
	$(BIN)/python tests/long/cot.py

# Chain of thought from pictures to a checkpoint that learnt from its own answers, some ten minutes of one processor.
cot-proof: setup
	$(BIN)/python tests/long/cot.py build/cot

# From there by reward, three seeds, some twenty minutes of one processor more.
rl-proof: setup
	$(BIN)/python tests/long/rl.py build/cot

clean:
	rm -rf $(VENV) $(DEMO) .venv-readers ostraka-demo docs/_build
