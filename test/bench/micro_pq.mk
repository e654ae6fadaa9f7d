# Micro benchmark of the product quantizer; include after test/core/core.mk.
$(CORE_TEST_DIR)/micro_pq: $(CORE_TEST_OBJS) $(CORE_TEST_DIR)/bench/micro_pq.o
	g++ $^ -o $@ $(SANITIZE) -fopenmp -lhwy -lpthread
bench-micro bench-micro-pq: compiled-micro_pq
	$(CORE_TEST_DIR)/micro_pq
.PHONY: bench-micro bench-micro-pq
-include $(CORE_TEST_DIR)/bench/micro_pq.d
