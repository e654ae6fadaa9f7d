# Unit tests of src/core, built without any PostgreSQL include path, so
# that a leak through the wall fails to compile. Needs libgtest-dev.
CORE_TEST_DIR := $(BUILD)/core
CORE_TEST_FLAGS := -std=c++20 -O3 -g -fno-math-errno -ffp-contract=fast -fopenmp -Isrc -MMD -MP \
	-Wall -Wextra -DVECTORQ_CORE_ONLY $(KERNEL_TARGETS) $(SANITIZE) $(CORE_ROOT)
CORE_CXX ?= g++
CORE_TEST_OBJS := $(patsubst src/core/%.cpp,$(CORE_TEST_DIR)/%.o,$(wildcard src/core/*/*.cpp))
CORE_TESTS := $(patsubst test/core/%.cpp,$(CORE_TEST_DIR)/test/%.o,$(wildcard test/core/*.cpp))

$(CORE_TEST_DIR)/test/%.o: test/core/%.cpp
	@mkdir -p $(@D)
	$(CORE_CXX) $(CORE_TEST_FLAGS) -c $< -o $@
$(CORE_TEST_DIR)/bench/%.o: test/bench/%.cpp
	@mkdir -p $(@D)
	$(CORE_CXX) $(CORE_TEST_FLAGS) -c $< -o $@
$(CORE_TEST_DIR)/%.o: src/core/%.cpp
	@mkdir -p $(@D)
	$(CORE_CXX) $(CORE_TEST_FLAGS) -c $< -o $@

$(CORE_TEST_DIR)/core_test: $(CORE_TEST_OBJS) $(CORE_TESTS)
	$(CORE_CXX) $^ -o $@ $(SANITIZE) $(CORE_ROOT) -fopenmp -lhwy -lgtest -lgtest_main -lpthread

# make compiled-NAME makes the program NAME of this folder with all processors.
compiled-%:
	@scripts/bootstrap.sh check
	@scripts/compile.sh $(MAKE) --no-print-directory $(PARALLEL) $(CORE_TEST_DIR)/$*

# One test: make check-core CORE_FILTER='Distance*'
check-core: compiled-core_test
	$(CORE_TEST_DIR)/core_test --gtest_brief=1 --gtest_filter='$(or $(CORE_FILTER),*)'

# The same on ARM: cross-compiled, run by an emulator (qemu-user). Minutes.
ARM_ROOT = $(abspath $(BUILD))/arm/root
check-arm:
	@scripts/bootstrap.sh arm
	@BUILD=$(BUILD) scripts/arm_sysroot.sh >/dev/null
	@scripts/compile.sh $(MAKE) -k --no-print-directory $(PARALLEL) $(BUILD)/arm/core/core_test BUILD=$(BUILD)/arm CORE_CXX=aarch64-linux-gnu-g++ \
		CORE_ROOT='-isystem $(ARM_ROOT)/usr/include -L$(ARM_ROOT)/usr/lib/aarch64-linux-gnu'
	file -b $(BUILD)/arm/core/core_test | cut -d, -f1,2
	qemu-aarch64 -L /usr/aarch64-linux-gnu -E LD_LIBRARY_PATH=$(ARM_ROOT)/usr/lib/aarch64-linux-gnu $(BUILD)/arm/core/core_test \
		--gtest_brief=1 --gtest_filter='$(or $(CORE_FILTER),*)'
.PHONY: check-core check-arm

-include $(CORE_TEST_OBJS:.o=.d) $(CORE_TESTS:.o=.d)
