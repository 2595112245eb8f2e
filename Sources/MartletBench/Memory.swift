import ArgumentParser
import MartletStack
import MartletTCP
import MartletWire

/// What idle connections cost.
struct Memory: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "mem", abstract: "Resident memory of idle connections, both ends.")

  @Argument(help: "Connections.") var count: Int

  func validate() throws {
    guard (1...4_000_000).contains(count) else { throw ValidationError("N must be 1 to 4000000") }
  }

  func run() throws {
    let addresses = 1 + count / 8_000
    var wire = try Wire.joined(mtu: 1_500, clientAddresses: addresses)
    let listener = try wire.server.listen(on: LocalEndpoint(port: 80))
    // Buffers, arenas and first pages are there before the count begins.
    for n in 0..<16 { _ = try wire.open(listener, from: n % addresses) }
    wire.drainEvents()
    let heldBefore = wire.client.memory.held + wire.server.memory.held
    let before = residentOctets()
    for n in 0..<count {
      _ = try wire.open(listener, from: n % addresses)
      wire.drainEvents()
    }
    let after = residentOctets()
    let held = wire.client.memory.held + wire.server.memory.held - heldBefore
    var line = ResultLine()
    line.add("rss_per_conn_both", Double(after - before) / Double(count), 1)
    line.add("budget_per_conn_both", Double(held) / Double(count), 1)
    line.add("connections", count)
    line.add("client_addresses", addresses)
    line.print()
  }
}
