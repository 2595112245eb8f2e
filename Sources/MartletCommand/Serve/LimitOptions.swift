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
      "Reset connections on which nothing moves for so long, at most 14400; 0: never. Without it http takes 60 and the others never do.",
      valueName: "seconds"),
    transform: { try IdleTimeout(parsing: $0) })
  var idleTimeout: IdleTimeout?

  @Option(
    help: ArgumentHelp("Connections that one client address may have; 0: any number.", valueName: "number"))
  var connectionsPerSource: UInt32 = 0

  func validate() throws {
    if let memoryBudget, memoryBudget.octets < 256 << 10 {
      throw ValidationError("A server needs 256KiB at least. Give --memory-budget more.")
    }
  }

  func apply(to configuration: inout StackConfiguration) {
    configuration.connectionsPerSource = connectionsPerSource
    guard let memoryBudget else { return }
    configuration.memoryBudget = Int(memoryBudget.octets / 4 * 3)
    configuration.connectionLimit = memoryBudget.connections(of: 1)
  }

  /// How one of so many services listens.
  func listenerOptions(for kind: ServiceSpecification.Kind, of services: Int) -> ListenerOptions {
    var options = ListenerOptions()
    // Whoever fills one service leaves the others theirs.
    if let memoryBudget { options.connectionLimit = memoryBudget.connections(of: services) }
    if let idleTimeout {
      options.idleTimeout = idleTimeout.time
    } else if case .http = kind {
      options.idleTimeout = .seconds(60)
    }
    return options
  }
}

extension BufferAmount {
  /// About what a `ServedConnection` and its conversation take, in octets.
  private static let octetsPerConversation: UInt32 = 1_024

  /// Connections that each of so many services may have: a quarter of the budget is for what the command keeps
  /// for them. One at least, since none means any number; the stack's own limit is for all together.
  package func connections(of services: Int) -> UInt32 {
    max(1, octets / 4 / Self.octetsPerConversation / UInt32(clamping: max(1, services)))
  }
}

/// Seconds that a stack can tell apart.
package struct IdleTimeout: Equatable, Sendable {
  package let time: TimeAmount

  package init(parsing text: String) throws(SpecificationError) {
    let longest = ListenerOptions.longestIdleTimeout
    guard let seconds = UInt16(text), TimeAmount.seconds(Int64(seconds)) <= longest else {
      throw SpecificationError(
        "\"\(text)\" is no idle time. Write seconds from 1 to \(longest.nanoseconds / 1_000_000_000), or 0 for never."
      )
    }
    time = .seconds(Int64(seconds))
  }
}
