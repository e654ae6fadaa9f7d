# Benchmarks. VQ_DATA (default build/data) is where data sets and built peers are kept between runs.
VQ_DATA ?= $(abspath $(BUILD))/data

$(VQ_DATA)/sift-photo-1000000.json:
	scripts/bootstrap.sh sift
	VQ_DATA=$(VQ_DATA) /usr/bin/python3 test/bench/make_sift.py --rows 1000000

# make bench-ivf BENCH_ARGS='--rows 100000'      run_ivf.py --help tells the arguments
bench-ivf: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	VQ_DATA=$(VQ_DATA) BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) "$$(BUILD=$(BUILD) scripts/venv.sh numpy faiss-cpu)" \
	    test/bench/run_ivf.py $(BENCH_ARGS)
.PHONY: bench-ivf

# make bench-faiss BENCH_ARGS='--rows 100000'    run_faiss.py --help tells the arguments
bench-faiss: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	VQ_DATA=$(VQ_DATA) BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) "$$(BUILD=$(BUILD) scripts/venv.sh numpy faiss-cpu)" \
	    test/bench/run_faiss.py $(BENCH_ARGS)
.PHONY: bench-faiss
