# A thin front for Meson and the scripts.
OBJ := build/obj

.PHONY: help deps develop build contracts simulator image local-image run demo stop check test lint format bench fuzz clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

deps: ## install what building and running needs (Debian 12, as root)
	@scripts/install-deps

develop: ## install what testing and analysing need as well
	@scripts/install-deps --develop

$(OBJ)/build.ninja: | deps
	meson setup $(OBJ) --prefix=$(CURDIR)/build

build: $(OBJ)/build.ninja ## compile everything; programs are in build/bin/
	@meson compile -C $(OBJ)
	@meson install -C $(OBJ) --only-changed --quiet

contracts: develop ## install the governance contracts' tools with npm and compile the contracts
	@scripts/contracts

simulator: ## build sdk/simulator/dstack-simulator, the guest agent of a laptop
	@[ "$$(id -u)" != 0 ] || scripts/install-deps --build
	@[ -f $(OBJ)/build.ninja ] || meson setup $(OBJ) --prefix=$(CURDIR)/build
	@ninja -C $(OBJ) sdk/simulator/dstack-simulator
	@install -m 755 $(OBJ)/sdk/simulator/dstack-simulator sdk/simulator/dstack-simulator

image: deps ## build the guest image from the locked packages, both flavours, in build/image/
	@guest/image/build

# For a stack on this machine newer packages than the lock's do as well: Debian's mirror keeps only the newest.
local-image: deps
	@guest/image/build --allow-unlocked

run: build local-image ## start a complete local dstack, deploy examples/hello, stay up
	@scripts/local-stack run

demo: build local-image ## the same without a person: exit 0 only if the app's page was verified
	@scripts/local-stack demo

stop: ## end what `make run` started
	@scripts/local-stack stop

check: develop build ## unit and integration tests
	@scripts/run-tests check

test: develop build local-image ## everything that can be tested, the demo included
	@scripts/run-tests all

lint: develop build ## static analysis
	@scripts/lint

format: ## format the C sources
	@git ls-files '*.c' '*.h' | xargs clang-format-14 -i

bench: develop build ## ratios against peers and limits, measured in one run
	@scripts/bench

fuzz: develop ## build the fuzz targets and run each for a short while
	@scripts/fuzz

clean: ## remove everything built
	rm -rf build
