# Unit tests of src/core, built without any PostgreSQL include path, so
# that a leak through the wall fails to compile. Needs libgtest-dev.
CORE_TEST_DIR := $(BUILD)/core
CORE_TEST_FLAGS := -std=c++20 -O3 -g -fno-math-errno -ffp-contract=fast -fopenmp -Isrc -MMD -MP \
	-Wall -Wextra -DVECTORQ_CORE_ONLY $(SANITIZE)
CORE_TEST_OBJS := $(patsubst src/core/%.cpp,$(CORE_TEST_DIR)/%.o,$(wildcard src/core/*/*.cpp))
CORE_TESTS := $(patsubst test/core/%.cpp,$(CORE_TEST_DIR)/test/%.o,$(wildcard test/core/*.cpp))

$(CORE_TEST_DIR)/test/%.o: test/core/%.cpp
	@mkdir -p $(@D)
	g++ $(CORE_TEST_FLAGS) -c $< -o $@
$(CORE_TEST_DIR)/bench/%.o: test/bench/%.cpp
	@mkdir -p $(@D)
	g++ $(CORE_TEST_FLAGS) -c $< -o $@
$(CORE_TEST_DIR)/%.o: src/core/%.cpp
	@mkdir -p $(@D)
	g++ $(CORE_TEST_FLAGS) -c $< -o $@

$(CORE_TEST_DIR)/core_test: $(CORE_TEST_OBJS) $(CORE_TESTS)
	g++ $^ -o $@ $(SANITIZE) -fopenmp -lhwy -lgtest -lgtest_main -lpthread

# One test: make check-core CORE_FILTER='Distance*'
check-core:
	@scripts/bootstrap.sh check
	@$(MAKE) -s --no-print-directory -j2 $(CORE_TEST_DIR)/core_test
	$(CORE_TEST_DIR)/core_test --gtest_brief=1 --gtest_filter='$(or $(CORE_FILTER),*)'
.PHONY: check-core

-include $(CORE_TEST_OBJS:.o=.d) $(CORE_TESTS:.o=.d)
