# vectorq: `make help` lists the commands. A machine that has only make and root (or sudo)
# gets what is missing from Debian's packages first (scripts/bootstrap.sh).
# `make` compiles with all processors unless -j says otherwise. Only makes that compile get $(PARALLEL): other goals, as the data
# sets of a benchmark, and several goals on one command line are made one after the other.
PARALLEL = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
GOALS := $(or $(MAKECMDGOALS),all)
ifneq ($(word 2,$(GOALS))$(if $(VQ_INNER),,$(filter all install,$(GOALS))),)
.NOTPARALLEL:
.PHONY: $(GOALS)
$(GOALS):
	@$(MAKE) --no-print-directory $(if $(filter all install,$@),$(PARALLEL) VQ_INNER=yes) $@
else

# Two extensions of one module; a database has one of them: vectorq_pgvector indexes pgvector's columns.
EXTENSION = vectorq vectorq_pgvector
MODULE_big = vectorq
EXTVERSION = 0.1.0
PG_CONFIG ?= pg_config
BUILD ?= build

.DEFAULT_GOAL := all
NEEDS_NO_PG := help format lint clean clean-build
ifeq ($(filter $(NEEDS_NO_PG),$(MAKECMDGOALS)),)
# Installs packages only where one is missing; prints nothing otherwise. Makes that this one calls need not look again.
ifneq ($(VQ_BOOTSTRAPPED),yes)
export VQ_BOOTSTRAPPED := $(shell scripts/bootstrap.sh build && echo yes)
ifneq ($(VQ_BOOTSTRAPPED),yes)
$(error vectorq: the build packages could not be installed; see the lines above)
endif
endif
endif

CORE_SRCS := $(wildcard src/core/*/*.cpp)
GLUE_SRCS := $(wildcard src/*.cpp) $(filter-out src/core/%,$(wildcard src/*/*.cpp))
CORE_OBJS := $(CORE_SRCS:.cpp=.o)
OBJS := $(CORE_OBJS) $(GLUE_SRCS:.cpp=.o)
# Parts 10 to 49 are types, those from 50 on what works on types, whoever made them.
SQL_PARTS := $(sort $(wildcard sql/install/*.sql))
SQL_INDEX_PARTS := $(filter-out $(wildcard sql/install/[1-4]*.sql),$(SQL_PARTS))
DATA_built = sql/vectorq--$(EXTVERSION).sql sql/vectorq_pgvector--$(EXTVERSION).sql
# From each released version to the next: vectorq--0.1.0--0.2.0.sql
DATA = $(wildcard sql/upgrade/vectorq*--*--*.sql)
EXTRA_CLEAN = $(DATA_built) src/core/*/*.[od] src/*/*.[od] src/*.[od]

# -fno-math-errno lets sqrt be one instruction; no -march, no -ffast-math (STYLE section 4).
# On ARM the kernels use NEON: vectors without a size (SVE) can be neither members, elements of arrays nor captured by lambdas.
KERNEL_TARGETS := -DHWY_DISABLED_TARGETS='(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)'
CORE_FLAGS := -O3 -fno-math-errno -ffp-contract=fast $(KERNEL_TARGETS)
PG_CPPFLAGS := -Isrc -MMD -MP
PG_CXXFLAGS := -std=c++20 -fopenmp -fvisibility=hidden -fvisibility-inlines-hidden -Wno-register $(SANITIZE)
# The module carries no debug information (37 of 39 MB); `make DEBUG=1` links it with what the objects have. Names of functions stay.
DEBUG ?= $(if $(SANITIZE),1)
SHLIB_LINK := -lhwy -fopenmp -lstdc++ -lm $(SANITIZE) $(if $(DEBUG),,-Wl,--strip-debug)
LINKED := $(BUILD)/linked/$(if $(DEBUG),with,without)-debug-information

override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
# PGXS has a target `check` of its own, which only says no: ours runs before it is included.
ifeq ($(filter check,$(MAKECMDGOALS)),)
ifneq ($(PGXS),)
include $(PGXS)
endif
endif
override with_llvm := no
$(CORE_OBJS): override CXXFLAGS += $(CORE_FLAGS)

-include $(OBJS:.o=.d)

# Links again when DEBUG is another than at the last time.
vectorq.so: $(LINKED)
$(LINKED): FORCE
	@[ -e $@ ] || { rm -rf $(@D) && mkdir -p $(@D) && touch $@; }

# Joined anew each time, so that a change made in it by hand does not hide that the part lacks it.
sql/vectorq--$(EXTVERSION).sql: sql/begin/vectorq.sql $(SQL_PARTS) FORCE
	cat $(filter %.sql,$^) > $@
sql/vectorq_pgvector--$(EXTVERSION).sql: sql/begin/vectorq_pgvector.sql $(SQL_INDEX_PARTS) FORCE
	cat $(filter %.sql,$^) > $@
.PHONY: FORCE

include test/test.mk
endif
