# Developers' targets. Each part prints its own results; test/run_all.sh adds them up.
# Scripts that call make do not get this one's job slots, which they could not reach.
APART = MAKEFLAGS="$$(echo "$$MAKEFLAGS" | sed -E 's/(^| )(-j[0-9]*|--jobserver-[a-z]+=[^ ]*)//g')"
PRIVATE = $(APART) BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG)
# For scripts: a line with the word MAKE in parentheses would run under -n, too.
OUR_MAKE = $(MAKE)

# What compiles and what moves $(BUILD) must not run side by side.
placed:
	@scripts/bootstrap.sh check
	@$(PRIVATE) scripts/cluster.sh place

# The server's own tree copied below $(BUILD), with vectorq installed in it: no root, no system service.
server-tree: placed
	@scripts/compile.sh $(MAKE) --no-print-directory $(PARALLEL) server-tree-compiled
server-tree-compiled: all
	@$(PRIVATE) scripts/cluster.sh install

# The module with fault points (src/pg/fault.h): only the files that have some are compiled again. It is installed in
# a tree of its own, made of links to the other; the shipped module has nothing of it.
FAULT_DIR := $(BUILD)/faults
FAULT_SRCS := $(shell grep -l 'pg/fault.h' src/*.cpp src/*/*.cpp)
FAULT_OBJS := $(FAULT_SRCS:%.cpp=$(FAULT_DIR)/%.o)
$(FAULT_DIR)/%.o: %.cpp
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -fPIC $(CPPFLAGS) -DVECTORQ_FAULTS -c $< -o $@
$(FAULT_DIR)/vectorq.so: $(FAULT_OBJS) $(OBJS)
	$(CXX) -shared -o $@ $(FAULT_OBJS) $(filter-out $(FAULT_SRCS:.cpp=.o),$(OBJS)) $(SHLIB_LINK)
-include $(FAULT_OBJS:.o=.d)

fault-tree: placed
	@scripts/compile.sh $(MAKE) --no-print-directory $(PARALLEL) fault-tree-compiled
fault-tree-compiled: server-tree-compiled $(FAULT_DIR)/vectorq.so
	@rm -rf $(FAULT_DIR)/pgroot && cp -al $(BUILD)/pgroot $(FAULT_DIR)/pgroot
	@cp --remove-destination $(FAULT_DIR)/vectorq.so $(FAULT_DIR)/pgroot$$($(PG_CONFIG) --pkglibdir)/vectorq.so

ifneq ($(filter check,$(MAKECMDGOALS)),)
check: fault-tree
	@$(PRIVATE) MAKE='$(OUR_MAKE)' test/run_all.sh
endif

# make check-regress TESTS='ivf_scan vector_type'
check-regress: server-tree
	@$(PRIVATE) test/run_regress.sh $(TESTS)

# make check-tap TESTS='t/001_crash.pl'
check-tap: fault-tree
	@$(PRIVATE) test/run_tap.sh $(TESTS)

# The long forms of tests that make check runs in short; VQ_SEED=n repeats a run.
crash-long: fault-tree
	@$(PRIVATE) VQ_KILLS=$(or $(KILLS),100) test/run_tap.sh t/001_crash.pl
faults-long: fault-tree
	@$(PRIVATE) VQ_FAULT_ALL=1 test/run_tap.sh t/007_faults.pl
sessions-long: fault-tree
	@$(PRIVATE) VQ_QUERIES=$(or $(QUERIES),100000) test/run_tap.sh t/008_sessions.pl
damage-long: fault-tree
	@$(PRIVATE) VQ_TRIALS=$(or $(TRIALS),10000) test/run_tap.sh t/009_damage_bytes.pl

# Core tests, regression tests and 100,000 fuzzed values (SEED=n: these) under the address and undefined-behaviour sanitizers.
asan:
	@$(MAKE) --no-print-directory check-core BUILD=$(BUILD)/asan-core SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=undefined'
	@$(APART) test/fuzz/run.sh $(or $(FUZZ),100000) $(SEED)

# Stores index files of the format that this build writes, for t/012_format.pl; once for each kFormatVersion.
format-sample: fault-tree
	@mkdir -p test/data/format
	@$(PRIVATE) VQ_MAKE_FORMAT=test/data/format test/run_tap.sh t/012_format.pl

# Random SQL for so many seconds: make fuzz-sql TIME=60 SEED=1
fuzz-sql: server-tree
	@scripts/bootstrap.sh sqlsmith
	@$(PRIVATE) test/fuzz/sqlsmith.sh $(or $(TIME),300) $(SEED)

# pgvector's own regression tests of its types, on ours. PGVECTOR_SOURCE=DIR: those of another version than Debian's
check-pgvector: server-tree
	@$(PRIVATE) test/run_pgvector_regress.sh $(TESTS)

# make check-isolation TESTS=locks
check-isolation: server-tree
	@$(PRIVATE) test/run_isolation.sh $(TESTS)

# Other PostgreSQL versions: make check-versions VERSIONS='trixie /opt/pg16/bin/pg_config' (scripts/versions.sh says more)
check-versions:
	@$(PRIVATE) scripts/versions.sh $(VERSIONS)

# make check with a server that has assertions on, built from Debian's source package (scripts/assert_server.sh): MAJOR=17
check-assert:
	@server=$$($(PRIVATE) scripts/assert_server.sh $(MAJOR)) && $(PRIVATE) scripts/versions.sh "$$server"

# The main paths under valgrind; others: make valgrind TESTS='reorder closure'
valgrind:
	@$(PRIVATE) MAKE='$(OUR_MAKE)' test/run_valgrind.sh $(TESTS)

# pg_upgrade from the major version at hand to 17, built from source; others: make check-upgrade OLD=/opt/pg14/bin/pg_config NEW=18
check-upgrade:
	@$(PRIVATE) MAKE='$(OUR_MAKE)' test/run_upgrade.sh '$(OLD)' '$(NEW)'

# Debian packages for the servers at hand, into $(BUILD)/deb; check-deb: built twice from nothing they have the same bytes.
deb:
	@scripts/bootstrap.sh deb
	@$(PRIVATE) scripts/deb.sh
check-deb:
	@scripts/bootstrap.sh deb
	@$(PRIVATE) scripts/deb.sh twice

# Everything in test/README.md in its long form, some hours; TRUST=short is minutes. SEED=n repeats the random parts.
check-trust: fault-tree
	@$(PRIVATE) MAKE='$(OUR_MAKE)' test/run_trust.sh $(TRUST)

.PHONY: deb check-deb placed server-tree server-tree-compiled fault-tree fault-tree-compiled check check-regress check-tap check-isolation check-pgvector check-versions check-assert check-upgrade check-trust valgrind asan fuzz-sql format-sample crash-long faults-long sessions-long damage-long
include test/core/core.mk
include test/demo.mk
include test/clients.mk
include test/bench.mk
include test/bench/micro_pq.mk
include test/bench/micro_lists.mk
include test/bench/aniso.mk
include test/help.mk
