import ArgumentParser
import MartletStack
import MartletTCP
import MartletWire

/// One octet there and one back on one connection, beside idle ones.
struct RoundTrips: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rr", abstract: "One-byte round trips on one connection, beside idle ones.")

  @Argument(help: "Round trips.") var count: Int
  @Argument(help: "Idle connections beside it.") var idle = 0

  func validate() throws {
    guard count > 0, idle >= 0 else { throw ValidationError("N must be positive, IDLE not negative") }
  }

  func run() throws {
    let addresses = 1 + idle / 8_000
    var wire = try Wire.joined(mtu: 1_500, clientAddresses: addresses)
    let listener = try wire.server.listen(on: LocalEndpoint(port: 80))
    for n in 0..<idle { _ = try wire.open(listener, from: n % addresses) }
    let (mine, theirs) = try wire.open(listener)
    wire.drainEvents()
    var octet: [UInt8] = [0]
    let watch = Stopwatch()
    for n in 0..<count {
      octet[0] = UInt8(truncatingIfNeeded: n)
      _ = try wire.client.send(mine, octet.span.bytes, now: wire.now)
      try wire.clientSends()
      try expect(octet[0], &wire.server, theirs, wire.now)
      _ = try wire.server.send(theirs, octet.span.bytes, now: wire.now)
      try wire.serverSends()
      try expect(octet[0], &wire.client, mine, wire.now)
      wire.drainEvents()
      try wire.exchange()
    }
    let elapsed = watch.stop()
    var line = ResultLine()
    line.add("wall_rps", Double(count) / elapsed.wall, 0)
    line.add("cpu_rps", Double(count) / elapsed.cpu, 0)
    line.add("ns_per_rt", elapsed.cpu * 1e9 / Double(count), 1)
    line.add("round_trips", count)
    line.add("idle", idle)
    line.print()
  }

  private func expect(_ octet: UInt8, _ stack: inout NetworkStack, _ id: ConnectionID, _ now: Instant) throws
  {
    var bytes: [UInt8] = [0, 0]
    var elements = bytes.mutableSpan
    var out = elements.mutableBytes
    let count = try stack.receive(id, into: &out, now: now)
    guard count == 1, bytes[0] == octet else {
      throw BenchError("expected octet \(octet), got \(bytes[0]) (\(count))")
    }
  }
}
