import ArgumentParser
import MartletStack
import MartletTCP
import MartletWire

/// A flood of SYNs, each from another address and port, at one listener: what one costs the server.
struct Syns: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "syn", abstract: "SYNs answered by a listener.")

  @Argument(help: "SYNs.") var count: Int

  func validate() throws {
    guard (1...10_000_000).contains(count) else { throw ValidationError("N must be 1 to 10000000") }
  }

  func run() throws {
    var configuration = StackConfiguration()
    configuration.halfOpenLimit = UInt32(count)
    var options = ListenerOptions()
    options.halfOpenLimit = UInt32(count)
    var server = NetworkStack(configuration: configuration, seed: StackSeed(2))
    let interface = try server.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix(Wire.serverAddress, length: 8)]))
    _ = try server.listen(on: LocalEndpoint(port: 80), options)
    var syn = SynPacket()
    var buffer = [UInt8](repeating: 0, count: 1_500)
    var answered = 0
    let watch = Stopwatch()
    let now = Clock.now
    for n in 0..<count {
      syn.renew(n)
      server.receive(syn.octets.span.bytes, on: interface, now: now)
      var elements = buffer.mutableSpan
      var out = elements.mutableBytes
      if server.nextPacket(on: interface, into: &out, now: now) != nil { answered += 1 }
    }
    let elapsed = watch.stop()
    var line = ResultLine()
    line.add("wall_syns", Double(count) / elapsed.wall, 0)
    line.add("cpu_syns", Double(count) / elapsed.cpu, 0)
    line.add("ns_per_syn", elapsed.cpu * 1e9 / Double(count), 1)
    line.add("answered", answered)
    line.add("half_open_limit", count)
    line.print()
    guard answered == count else { throw BenchError("only \(answered) of \(count) SYNs were answered") }
  }
}

/// A SYN with the options that kernels send, made anew for each source.
private struct SynPacket {
  private(set) var octets: [UInt8]

  init() {
    octets = [UInt8](repeating: 0, count: 60)
  }

  /// The `n`-th source: its address, port and sequence number.
  mutating func renew(_ n: Int) {
    let source = IPv4Address(bits: 0x0a10_0000 &+ UInt32(truncatingIfNeeded: n / 4))
    var tcp = TCPHeader(
      sourcePort: UInt16(truncatingIfNeeded: 1_024 + n % 4 * 7_919), destinationPort: 80,
      seq: SequenceNumber(UInt32(truncatingIfNeeded: n &* 2_654_435_761)), ack: SequenceNumber(0),
      flags: .syn,
      window: UnscaledWindow(64_240))
    tcp.options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
    tcp.options.maximumSegmentSize = 1_460
    tcp.options.windowScale = WindowScale(7)
    tcp.options.tsval = 1
    let destination = IPv4Address(10, 9, 0, 2)
    var elements = octets.mutableSpan
    var out = elements.mutableBytes
    IPv4Header(
      totalCount: 60, timeToLive: 64, proto: .tcp, source: source, destination: destination
    ).write(into: &out, at: 0)
    tcp.write(into: &out, at: 20)
    var sum = InternetChecksum.pseudoHeader(source: source, destination: destination, proto: .tcp, length: 40)
    sum.add(octets.span.bytes.extracting(20..<60))
    octets[36] = UInt8(sum.field >> 8)
    octets[37] = UInt8(truncatingIfNeeded: sum.field)
  }
}
