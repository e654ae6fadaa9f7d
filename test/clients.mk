# pgvector's clients with their own set-up code, beside an index of vectorq_pgvector: make check-clients CLIENTS='use_django.py use_pgx.go'
check-clients: server-tree
	@scripts/bootstrap.sh bench
	@$(PRIVATE) test/run_clients.sh $(CLIENTS)
.PHONY: check-clients
