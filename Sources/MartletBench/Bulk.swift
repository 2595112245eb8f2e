import ArgumentParser
import MartletStack
import MartletTCP
import MartletWire

/// One connection, text in one direction.
struct Bulk: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bulk", abstract: "Text in one direction over one connection.")

  @Argument(help: "MTU of the link, 576 to 65,535.") var mtu: Int
  @Argument(help: "Octets to carry.") var bytes: Int

  func validate() throws {
    guard (576...65_535).contains(mtu) else { throw ValidationError("MTU must be 576 to 65535, not \(mtu)") }
    guard bytes > 0 else { throw ValidationError("BYTES must be positive, not \(bytes)") }
  }

  func run() throws { try Self.carry(bytes, mtu: mtu).print() }

  /// Over a pair of stacks of its own; what came of it.
  static func carry(_ bytes: Int, mtu: Int) throws -> ResultLine {
    var wire = try Wire.joined(mtu: mtu)
    let listener = try wire.server.listen(on: LocalEndpoint(port: 80))
    let (mine, theirs) = try wire.open(listener)
    let pattern = Pattern()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var sent = 0
    var received = 0
    let segmentsBefore = wire.client.counters.tcp.outSegs
    let watch = Stopwatch()
    while received < bytes {
      while sent < bytes {
        let taken = try pattern.withText(at: sent, most: bytes - sent) { text in
          do { return try wire.client.send(mine, text, now: wire.now) } catch SendError.wouldBlock {
            return 0
          }
        }
        if taken == 0 { break }
        sent += taken
      }
      try wire.exchange()
      received += try read(theirs, &wire, &buffer, pattern, at: received)
      wire.drainEvents()
    }
    let elapsed = watch.stop()
    let mss = Double(mtu - 40 - 12)
    var line = ResultLine()
    line.add("wall_gbps", Double(bytes) * 8 / elapsed.wall / 1e9)
    line.add("cpu_gbps", Double(bytes) * 8 / elapsed.cpu / 1e9)
    line.add("ns_per_data_seg", elapsed.cpu * 1e9 / (Double(bytes) / mss).rounded(.up), 1)
    line.add("mtu", mtu)
    line.add("bytes", bytes)
    line.add("client_segments", Int(wire.client.counters.tcp.outSegs - segmentsBefore))
    line.add("retransmitted", Int(wire.client.counters.tcp.retransSegs))
    return line
  }

  private static func read(
    _ id: ConnectionID, _ wire: inout Wire, _ buffer: inout [UInt8], _ pattern: Pattern, at offset: Int
  ) throws -> Int {
    var count = 0
    while true {
      do {
        var elements = buffer.mutableSpan
        var bytes = elements.mutableBytes
        let n = try wire.server.receive(id, into: &bytes, now: wire.now)
        guard n > 0,
          pattern.matches(buffer.span.bytes.extracting(first: min(n, Pattern.period)), at: offset + count)
        else { throw BenchError("wrong text at octet \(offset + count)") }
        count += n
      } catch ReceiveError.wouldBlock {
        return count
      }
    }
  }
}
