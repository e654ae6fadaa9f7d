# vectorq: `make help` lists the commands. A machine that has only make and root (or sudo)
# gets what is missing from Debian's packages first (scripts/bootstrap.sh).
EXTENSION = vectorq
MODULE_big = vectorq
EXTVERSION = 0.1.0
PG_CONFIG ?= pg_config
BUILD ?= build

.DEFAULT_GOAL := all
NEEDS_NO_PG := help format lint bootstrap clean-build
ifeq ($(filter $(NEEDS_NO_PG),$(MAKECMDGOALS)),)
# Installs packages only where one is missing; prints nothing otherwise.
BOOTSTRAPPED := $(shell PG_CONFIG=$(PG_CONFIG) scripts/bootstrap.sh build >&2 && echo yes)
ifneq ($(BOOTSTRAPPED),yes)
$(error vectorq: the build packages could not be installed; see the lines above)
endif
endif

CORE_SRCS := $(wildcard src/core/*/*.cpp)
GLUE_SRCS := $(wildcard src/*.cpp) $(filter-out src/core/%,$(wildcard src/*/*.cpp))
CORE_OBJS := $(CORE_SRCS:.cpp=.o)
OBJS := $(CORE_OBJS) $(GLUE_SRCS:.cpp=.o)
# In the order of their names; a .sh prints its part.
SQL_PARTS := $(sort $(wildcard sql/install/*.sql sql/install/*.sh))
DATA_built = sql/vectorq--$(EXTVERSION).sql
# From each released version to the next: vectorq--0.1.0--0.2.0.sql
DATA = $(wildcard sql/upgrade/vectorq--*--*.sql)
EXTRA_CLEAN = $(DATA_built) $(OBJS:.o=.d) src/core/*/*.o src/core/*/*.d src/*/*.o src/*/*.d

# -fno-math-errno lets sqrt be one instruction; no -march, no -ffast-math (STYLE section 4).
# On ARM the kernels use NEON: vectors without a size (SVE) can be neither members, elements of arrays nor captured by lambdas.
KERNEL_TARGETS := -DHWY_DISABLED_TARGETS='(HWY_SVE|HWY_SVE2|HWY_SVE_256|HWY_SVE2_128)'
CORE_FLAGS := -O3 -fno-math-errno -ffp-contract=fast $(KERNEL_TARGETS)
PG_CPPFLAGS := -Isrc -MMD -MP
PG_CXXFLAGS := -std=c++20 -fopenmp -fvisibility=hidden -fvisibility-inlines-hidden -Wno-register $(SANITIZE)
SHLIB_LINK := -lhwy -fopenmp -lstdc++ -lm $(SANITIZE)

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

# Joined anew each time, so that a change made in it by hand does not hide that the part lacks it.
sql/vectorq--$(EXTVERSION).sql: $(SQL_PARTS) FORCE
	for part in $(SQL_PARTS); do case $$part in *.sh) sh $$part;; *) cat $$part;; esac || exit 1; done > $@
.PHONY: FORCE

include test/test.mk
