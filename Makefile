# One door: every target sets up what it needs; a second run is quick.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
PEERS := .venv-peers
SECONDS ?= 60
# The last of the demo's models that is trained: where it is, all are.
MODELS := .aimass/models/messages-entities

.PHONY: help install demo test verify fuzz fmt lint type bench bench-learning peers clean

help:                   ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

install: $(READY)       ## set up the environment, and nothing else

demo: $(READY)          ## run the main job on an embedded Kafka: make demo SECONDS=20 REPORT=out.json
	$(BIN)/aimass demo --seconds $(SECONDS) $(if $(REPORT),--report $(REPORT))

test: $(READY)          ## the whole test suite, on a real embedded Kafka
	$(BIN)/python -m pytest

fuzz: $(READY)          ## look for input that breaks a decoder: make fuzz SECONDS=600 ONLY=images CRASHES=found
	$(BIN)/python -m tests.fuzz $(ONLY) --seconds $(SECONDS) $(if $(CRASHES),--crashes $(CRASHES))

lint: $(READY)          ## style, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache

type: $(READY)          ## mypy --strict
	$(BIN)/mypy

verify: $(READY) $(MODELS) ## every fault against the reference application: make verify QUICK=1 SEED=7 REPORT=out.json
	$(BIN)/aimass verify $(if $(QUICK),--quick) $(if $(SEED),--seed $(SEED)) $(if $(SOAK),--soak $(SOAK)) $(if $(REPORT),--report $(REPORT))

fmt: $(READY)           ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/bench-ready ## figures into benchmarks/results: make bench ONLY=engine ROUNDS=3 OUT=dir DATA=dir
	$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(OUT),--out $(OUT)) $(if $(DATA),--data $(DATA))

peers: $(PEERS)/ready   ## other engines for `make bench` to measure beside ours, in an environment of their own

bench-learning: $(READY) ## what learners reach and cost: make bench-learning DATA=dir OUT=dir ONLY="nab feed"
	OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.learning $(DATA) $(if $(OUT),--out $(OUT)) $(if $(ONLY),--only $(ONLY)) $(if $(PART),--part $(PART))

clean:                  ## forget the embedded broker's data, models and caches; keep the environment
	-$(BIN)/aimass kafka stop
	rm -rf .aimass .mypy_cache .ruff_cache .pytest_cache

$(MODELS): | $(READY)
	$(BIN)/python -m aimass_stream.training demo .aimass/models

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "aimass-stream needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV): about 3 GB to download the first time, a minute or two ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(VENV)/bench-ready: $(READY)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev,bench]'
	@touch $@

$(PEERS)/ready: benchmarks/peers.in benchmarks/peers.txt | $(READY)
	@echo "Installing other engines into $(PEERS): about 1.5 GB on disk ..."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	@$(BIN)/uv pip install --quiet --python $(PEERS)/bin/python --constraint benchmarks/peers.txt -r benchmarks/peers.in
	@touch $@
