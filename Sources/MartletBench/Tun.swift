import ArgumentParser

/// Placeholder while the shell is on its way.
struct Tun: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "tun", abstract: "…")
  func run() throws { throw BenchError("not yet") }
}
