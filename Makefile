# A thin front for Meson and the scripts; each target says what it does in `make help`.
OBJ := build/obj

.PHONY: help build check test

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(OBJ)/build.ninja:
	meson setup $(OBJ) --prefix=$(CURDIR)/build

build: $(OBJ)/build.ninja ## compile everything; programs are in build/bin/
	meson compile -C $(OBJ)
	meson install -C $(OBJ) --only-changed --quiet

check: build ## unit and integration tests
	meson test -C $(OBJ) --print-errorlogs

test: check ## everything that can be tested
