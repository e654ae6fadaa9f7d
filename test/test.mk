# Targets for developers. The real recipes are added with the tests.
server-tree: all
	scripts/bootstrap.sh check
	BUILD=$(BUILD) PG_CONFIG=$(PG_CONFIG) scripts/cluster.sh install
.PHONY: server-tree

include test/demo.mk
include test/bench.mk
include test/help.mk
