# Every developer command in one place; `make help` needs neither PostgreSQL nor a compiler.
help:
	@echo 'make                          build the extension, with all processors unless -j says otherwise'
	@echo 'make check                    everything: lint, unit tests, regression and TAP tests'
	@echo 'make check-core               unit tests of src/core: seconds, no server'
	@echo 'make check-regress            regression tests in a private cluster; one: TESTS=ivf_scan'
	@echo 'make check-tap                crash, standby, concurrency, damage, fault, session tests; one: TESTS=t/001_crash.pl'
	@echo 'make crash-long, faults-long  100 kills of a loaded server; an error and a crash at every fault point'
	@echo 'make sessions-long            memory of a backend over 100,000 queries; make damage-long: 10,000 damaged pages'
	@echo 'make check-isolation          sessions step by step: scans, vacuum, REINDEX CONCURRENTLY, locks; one: TESTS=locks'
	@echo 'make check-versions           PostgreSQL 17 and 18 in chroots of Debian suites, GCC and Clang (root; scripts/versions.sh)'
	@echo 'make check-upgrade            pg_upgrade from PostgreSQL 15 to 17, built from source; OLD= and NEW= choose others'
	@echo 'make check-assert             make check with a server that has assertions on, built from its source package'
	@echo 'make valgrind                 regression tests in that server under valgrind; others: TESTS=reorder'
	@echo 'make deb                      Debian packages for the servers at hand, in build/deb; check-deb: twice, the same bytes'
	@echo 'make check-arm                unit tests of src/core on ARM, emulated'
	@echo 'make fuzz-sql                 random SQL (sqlsmith) for TIME=300 seconds'
	@echo 'make check-clients            pgvector'\''s clients, as they come, on vectorq_pgvector; some: CLIENTS="use_django.py use_pgx.go"'
	@echo 'make check-trust              all of test/README.md in its long form; TRUST=short: minutes; SEED=n repeats a run'
	@echo 'make demo                     real data, an index, recall and speed, a plot; KEEP=1 leaves the server running'
	@echo 'make demo-shards              four servers behind postgres_fdw: time and recall beside one index and an exact scan'
	@echo 'make bench                    beside pgvector, FAISS, ScaNN and hnswlib; bench-quick: the same on small sets, < 10 minutes'
	@echo 'make bench-ivf                beside pgvector on a million SIFT rows; BENCH_ARGS="--rows 100000" is a quick look'
	@echo 'make bench-faiss              beside FAISS in process, on the same rows'
	@echo 'make bench-batch              vectorq_knn beside LATERAL and the batches of FAISS and ScaNN'
	@echo 'make bench-bounds             rows within a radius beside FAISS range_search'
	@echo 'make bench-shards             recall of rows merged from shards; time of Merge Append over partitions'
	@echo 'make bench-centroids          lists trained by FAISS and given to CREATE INDEX, beside its own'
	@echo 'make bench-bits               ivf on bit strings beside pgvector hnsw on the same bits'
	@echo 'make bench-cold               cold caches, beside pgvector hnsw; bench-prune: pages that vectorq.prune_epsilon saves'
	@echo 'make bench-plans              does the planner take the quicker of index and sequential scan?'
	@echo 'make bench-effort             lists by each query against a fixed number at equal recall; bench-options: a sweep of options'
	@echo 'make bench-aniso              recall of score-aware against plain codes at equal bits; BENCH_ARGS="--rows 20000" is a quick look'
	@echo 'make bench-gene               gene search: species by nearest neighbour, novel genes; BENCH_ARGS=--quick is a quick look'
	@echo 'make bench-scale              10,000 to 10,000,000 rows; make bench-profile: where the time goes (perf)'
	@echo 'make bench-churn              recall at equal pages read after half of the rows were replaced by others, beside a fresh index'
	@echo 'make bench-inserts            rows a second of 8 sessions that insert at once; BENCH_ARGS="--trees DIR" beside another tree'
	@echo 'make bench-life               an index that vacuum keeps in shape, beside one built anew: growth, churn, load; BENCH_ARGS="--rows 20000"'
	@echo 'make bench-micro              speed of the kernels alone'
	@echo 'make bench-lists              many lists in the core: build seconds, cost and loss of choosing probes; LISTS=4000 is a quick look'
	@echo 'make asan                     core and regression tests and the fuzzing of type input under the sanitizers'
	@echo 'make format                   clang-format over src and test'
	@echo 'make lint                     layout rules, listed tests, doubts numbered (scripts/lint.sh)'
	@echo 'make clean                    remove objects and build/: servers, environments, results, data sets (VQ_DATA=/elsewhere keeps those)'
	@echo 'make clean-build              remove build/ only'
	@echo 'DEBUG=1                       with any of these: link vectorq.so with debug information'

format:
	scripts/bootstrap.sh format
	git ls-files -co --exclude-standard 'src/*.h' 'src/*.cpp' 'test/*.h' 'test/*.cpp' | xargs -r clang-format -i --style=file

lint:
	@scripts/lint.sh

clean: clean-build
ifeq ($(PGXS),)
	rm -f vectorq.so $(EXTRA_CLEAN)
endif
clean-build:
	@BUILD=$(BUILD) scripts/clean_build.sh
.PHONY: help format lint clean clean-build
