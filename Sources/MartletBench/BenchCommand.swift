import ArgumentParser

/// Measures the stack. Both ends live in one process and one thread; see `Documentation/Benchmarks.md`.
@main
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet-bench",
    abstract: "Measures Martlet.",
    discussion: """
      Both ends run in one process, on one thread, over the in-memory link; text is generated and \
      checked, checksums are computed and verified in software, settings are the defaults that a user \
      gets, and what is switched is printed. Each run prints one line, RESULT key=value ….

      martlet-bench bulk 1500 2000000000
      martlet-bench conn 200000 1
      martlet-bench rr 1000000 9000
      """,
    subcommands: measurements + actors)

  private static let measurements: [any ParsableCommand.Type] = [
    Bulk.self, Connections.self, RoundTrips.self, Memory.self, Syns.self, Churn.self, Tun.self,
  ]

  /// Who appears in Tests/EndToEnd/flood, memory and shards; and what needs threads.
  #if os(Linux)
    private static let actors: [any ParsableCommand.Type] = [
      Hostile.self, SynFlood.self, HonestClients.self, PausingClients.self, KernelEcho.self, Pairs.self,
    ]
  #else
    private static let actors: [any ParsableCommand.Type] = []
  #endif
}
