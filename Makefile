# Two commands matter: `make demo` and `make test`. `make help` lists the rest.
# Without make, each line below can be typed as it stands.

TIME ?= 60
BENCH ?= bulk 1500 1000000000

.PHONY: help demo test verify fuzz fuzz-keep swarm bench throughput packet-sockets lint format embedded figures goodput mutate

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: ## see one connection open, carry and close against the kernel's TCP
	@Tools/install-tools --wanted demo
	swift build -c release --product martlet
	.build/release/martlet demo

test: ## everything that must hold, with what it needs installed first
	@Tools/test

verify: ## explorer, swarm, pairs, fuzzers, referee and faults, TIME=60 seconds in all
	@Tools/verify $(TIME)

fuzz: ## libFuzzer on parsers, a connection and a stack, TIME=60 seconds each
	@Tools/fuzz $(TIME)

fuzz-keep: ## take what the fuzzers found into the committed corpus and crashers
	@Tools/fuzz --keep

swarm: ## simulated schedules by seed, TIME=60 seconds
	@Tools/swarm --seconds $(TIME)

bench: ## speed on this machine, BENCH='bulk 1500 1000000000'
	swift build -c release --product martlet-bench
	.build/release/martlet-bench $(BENCH)

throughput: ## Gbit/s between the kernel and Martlet, packet by packet and with packets of many segments
	swift build -c release --product martlet
	@Tools/throughput

packet-sockets: ## what a frame costs by each kind of packet socket and by AF_XDP, and Martlet by its own
	swift build -c release --product martlet
	swift build -c release --product martlet-bench
	@Tools/measure-packet-sockets
	@Tools/measure-packet-link

lint: ## the format and the rules of the core, without building
	@Tools/test format core traps limits requirements snippets scripts

format: ## rewrite the sources in the project's format
	@Tools/format

embedded: ## compile the core as Embedded Swift for WebAssembly and ARM
	@Tools/build-embedded

figures: ## measure again the reviewed figures of Documentation/Figures
	Tools/measure-layout --write
	Tools/measure-instructions --write

goodput: ## simulate the goodput tables of Documentation/Figures/Goodput anew
	@Tools/goodput --all

mutate: ## put faults into the core, one at a time, and see which test notices
	@Tools/mutate
