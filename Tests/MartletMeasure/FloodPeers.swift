import MartletWire

/// The segments of peers that are as many as there are numbers.
struct FloodPeers {
  /// What a segment has after its fixed header.
  enum Options {
    case none
    /// What a client asks for, in the order of the scene.
    case syn
    case timestamps(tsval: UInt32, tsecr: UInt32)
  }

  private let target: IPAddress
  private let isOtherOrder: Bool

  init(_ scene: FloodScene) {
    target = scene.address
    isOtherOrder = scene == .otherOrder
  }

  /// Octets of the IP header.
  var ipCount: Int { target.isIPv4 ? 20 : 40 }

  func segment(_ flags: TCPFlags, of peer: UInt32, seq: UInt32, ack: UInt32, _ options: Options) -> [UInt8] {
    var tcp = TCPHeader(
      sourcePort: 4_000, destinationPort: 80, seq: SequenceNumber(seq), ack: SequenceNumber(ack),
      flags: flags, window: UnscaledWindow(64_240))
    switch options {
    case .none: break
    case .syn:
      tcp.options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
      tcp.options.maximumSegmentSize = 1_460
      tcp.options.windowScale = WindowScale(7)
      tcp.options.tsval = 1
    case .timestamps(let tsval, let tsecr):
      tcp.options.present = .timestamps
      tcp.options.tsval = tsval
      tcp.options.tsecr = tsecr
    }
    let source = address(of: peer)
    let count = tcp.encodedCount
    var octets = [UInt8](repeating: 0, count: ipCount + count)
    do {
      var elements = octets.mutableSpan
      var out = elements.mutableBytes
      writeIP(from: source, count, into: &out)
      tcp.write(into: &out, at: ipCount)
    }
    if isOtherOrder, case .syn = options { reorder(&octets) }
    var sum = InternetChecksum.pseudoHeader(source: source, destination: target, proto: .tcp, length: count)
    sum.add(octets.span.bytes.extracting(ipCount...))
    octets[ipCount + 16] = UInt8(sum.field >> 8)
    octets[ipCount + 17] = UInt8(truncatingIfNeeded: sum.field)
    return octets
  }

  /// Each in a network of its own.
  private func address(of peer: UInt32) -> IPAddress {
    target.isIPv4
      ? .v4(IPv4Address(bits: 0x0a10_0000 &+ peer))
      : .v6(IPv6Address(high: 0xfd00_0001 << 32 | UInt64(peer), low: 1))
  }

  private func writeIP(from source: IPAddress, _ count: Int, into out: inout MutableRawSpan) {
    switch (source, target) {
    case (.v4(let source), .v4(let target)):
      IPv4Header(
        totalCount: UInt16(20 + count), timeToLive: 64, proto: .tcp, source: source, destination: target
      ).write(into: &out, at: 0)
    case (.v6(let source), .v6(let target)):
      IPv6Header(payloadCount: UInt16(count), nextHeader: .tcp, source: source, destination: target)
        .write(into: &out, at: 0)
    default: break
    }
  }

  /// MSS, NOP, window scale, SACK permitted, timestamps: the same twenty octets.
  private func reorder(_ octets: inout [UInt8]) {
    let first = ipCount + 20
    let options: [UInt8] = [2, 4, 0x05, 0xb4, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]
    for (i, octet) in options.enumerated() { octets[first + i] = octet }
  }
}
