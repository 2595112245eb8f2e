import ArgumentParser
import MartletStack
import MartletTCP

/// What clients of a server may hold.
struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Memory for all connections together, such as 8MiB; at least 256KiB. A quarter of it is for what the command itself keeps for each, which limits their number; services share it evenly.",
      valueName: "amount"),
    transform: { try BufferAmount(parsing: $0) })
  var memoryBudget: BufferAmount?

  @Option(
    help: ArgumentHelp(
      "Reset connections on which nothing moves for so long; 0: never. Without it http takes 60 and the others never do.",
      valueName: "seconds"))
  var idleTimeout: UInt16?

  @Option(
    help: ArgumentHelp("Connections that one client address may have; 0: any number.", valueName: "number"))
  var connectionsPerSource: UInt32 = 0

  func validate() throws {
    if let memoryBudget, memoryBudget.octets < 256 << 10 {
      throw ValidationError("A server needs 256KiB at least. Give --memory-budget more.")
    }
  }

  /// About what a `ServedConnection` and its conversation take, in octets.
  private static let octetsPerConversation: UInt32 = 1_024

  func apply(to configuration: inout StackConfiguration) {
    configuration.connectionsPerSource = connectionsPerSource
    guard let memoryBudget else { return }
    configuration.memoryBudget = Int(memoryBudget.octets / 4 * 3)
    configuration.connectionLimit = connectionLimit(memoryBudget)
  }

  private func connectionLimit(_ budget: BufferAmount) -> UInt32 {
    budget.octets / 4 / Self.octetsPerConversation
  }

  /// How one of so many services listens.
  func listenerOptions(for kind: ServiceSpecification.Kind, of services: Int) -> ListenerOptions {
    var options = ListenerOptions()
    // Whoever fills one service leaves the others theirs.
    if let memoryBudget { options.connectionLimit = connectionLimit(memoryBudget) / UInt32(services) }
    if let idleTimeout {
      options.idleTimeout = .seconds(Int64(idleTimeout))
    } else if case .http = kind {
      options.idleTimeout = .seconds(60)
    }
    return options
  }
}
