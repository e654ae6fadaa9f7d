# Developers' targets. Each part prints its own results; test/run_all.sh adds them up.
PRIVATE := BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG)

# The server's own tree copied below $(BUILD), with vectorq installed in it: no root, no system service.
server-tree: all
	@scripts/bootstrap.sh check
	@$(PRIVATE) scripts/cluster.sh install

ifneq ($(filter check,$(MAKECMDGOALS)),)
check:
	@$(MAKE) --no-print-directory -s -j2 server-tree
	@$(PRIVATE) MAKE='$(MAKE)' test/run_all.sh
endif

# make check-regress TESTS='ivf_scan vector_type'
check-regress: server-tree
	@$(PRIVATE) test/run_regress.sh $(TESTS)

# make check-tap TESTS='t/001_crash.pl'
check-tap: server-tree
	@$(PRIVATE) test/run_tap.sh $(TESTS)

# Core tests, regression tests and 100,000 fuzzed values under the address and undefined-behaviour sanitizers.
asan:
	@$(MAKE) --no-print-directory check-core BUILD=$(BUILD)/asan-core SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
	@test/fuzz/run.sh $(or $(FUZZ),100000)

.PHONY: server-tree check check-regress check-tap asan
include test/core/core.mk
include test/demo.mk
include test/bench.mk
include test/bench/micro_pq.mk
include test/bench/aniso.mk
include test/help.mk
