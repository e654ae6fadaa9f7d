# Many lists, in the core alone: make bench-lists [LISTS='4000 100000'] [ROWS=1000000]; include after test/core/core.mk.
$(CORE_TEST_DIR)/micro_lists: $(CORE_TEST_OBJS) $(CORE_TEST_DIR)/bench/micro_lists.o
	g++ $^ -o $@ $(SANITIZE) -fopenmp -lhwy -lpthread
bench-lists: compiled-micro_lists $(VQ_DATA)/sift-photo-1000000.json
	for lists in $(or $(LISTS),4000 16000 100000); do \
		$(CORE_TEST_DIR)/micro_lists $(VQ_DATA)/sift-photo-1000000.base.npy $(VQ_DATA)/sift-photo-1000000.query.npy $(or $(ROWS),1000000) $$lists 2 || exit 1; done
.PHONY: bench-lists
-include $(CORE_TEST_DIR)/bench/micro_lists.d
