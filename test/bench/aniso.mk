# The figures of the score-aware loss on real data; include after test/core/core.mk and test/bench.mk.
$(CORE_TEST_DIR)/aniso_codes: $(CORE_TEST_OBJS) $(CORE_TEST_DIR)/bench/aniso_codes.o
	g++ $^ -o $@ $(SANITIZE) -fopenmp -lhwy -lpthread

# make bench-aniso BENCH_ARGS='--rows 20000'     run_aniso.py --help tells the arguments
bench-aniso: compiled-aniso_codes $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json
	$(BENCH_ENV) "$$(BUILD=$(BUILD) scripts/venv.sh numpy matplotlib)" test/bench/run_aniso.py --coder $(CORE_TEST_DIR)/aniso_codes $(BENCH_ARGS)
.PHONY: bench-aniso
-include $(CORE_TEST_DIR)/bench/aniso_codes.d
