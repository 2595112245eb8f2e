import MartletStack
public import MartletWire

/// A change of a packet, as a value. All but `flipBit` mend the checksums, as a middlebox does; a packet that has
/// not what is to be changed stays as it is.
public enum PacketEdit: Equatable, BitwiseCopyable, Sendable {
  /// The n-th bit of the packet, the first is 0; checksums stay as they are.
  case flipBit(UInt16)
  case set(TCPFlags)
  case clear(TCPFlags)
  /// Adds to the sequence number.
  case shiftSequence(UInt32)
  /// Adds to the acknowledgment number.
  case shiftAcknowledgment(UInt32)
  case window(UInt16)
  /// Overwrites TCP options with no-operations, as some middleboxes do.
  case stripOptions
  /// Time to live, or hop limit.
  case timeToLive(UInt8)
  /// CE, whatever the sender speaks (RFC 3168).
  case congestion
  /// Leaves so many octets of the packet and says so in its length: the rest of the text is gone.
  case truncate(UInt16)

  public func apply(to packet: inout [UInt8]) {
    guard let layout = PacketLayout(packet) else { return }
    switch self {
    case .flipBit(let bit):
      guard Int(bit) < packet.count * 8 else { return }
      packet[Int(bit >> 3)] ^= 0x80 >> UInt8(bit & 7)
      return
    case .timeToLive(let hops): packet[layout.isIPv4 ? 8 : 7] = hops
    case .congestion: packet[1] |= layout.isIPv4 ? 3 : 0x30
    case .truncate(let count): truncate(&packet, to: Int(count), layout)
    default:
      guard layout.isTCP else { return }
      editTCP(&packet, layout.transport)
    }
    PacketLayout.mendChecksums(&packet)
  }

  private func editTCP(_ packet: inout [UInt8], _ at: Int) {
    switch self {
    case .set(let flags): packet[at + 13] |= UInt8(truncatingIfNeeded: flags.rawValue)
    case .clear(let flags): packet[at + 13] &= ~UInt8(truncatingIfNeeded: flags.rawValue)
    case .shiftSequence(let amount): add(amount, to: &packet, at: at + 4)
    case .shiftAcknowledgment(let amount): add(amount, to: &packet, at: at + 8)
    case .window(let window):
      packet[at + 14] = UInt8(truncatingIfNeeded: window >> 8)
      packet[at + 15] = UInt8(truncatingIfNeeded: window)
    case .stripOptions:
      let end = min(at + Int(packet[at + 12] >> 4) * 4, packet.count)
      for place in (at + 20)..<max(end, at + 20) { packet[place] = 1 }
    case .flipBit, .timeToLive, .congestion, .truncate: break
    }
  }

  private func add(_ amount: UInt32, to packet: inout [UInt8], at: Int) {
    let sum = packet.rawSpan.be32(at) &+ amount
    for place in 0..<4 { packet[at + place] = UInt8(truncatingIfNeeded: sum >> UInt32(24 - 8 * place)) }
  }

  private func truncate(_ packet: inout [UInt8], to count: Int, _ layout: PacketLayout) {
    let least = layout.transport + (layout.isTCP ? 20 : 8)
    guard count >= least, count < packet.count else { return }
    packet.removeLast(packet.count - count)
    let at = layout.isIPv4 ? 2 : 4
    let length = UInt16(truncatingIfNeeded: layout.isIPv4 ? count : count - 40)
    packet[at] = UInt8(truncatingIfNeeded: length >> 8)
    packet[at + 1] = UInt8(truncatingIfNeeded: length)
  }
}

/// Where things are in a packet.
struct PacketLayout {
  let isIPv4: Bool
  let isTCP: Bool
  let transport: Int

  /// Nil: no IP packet, or too short for its transport.
  init?(_ packet: [UInt8]) {
    let bytes = packet.rawSpan
    if let ip = IPv4HeaderView(validating: bytes) {
      isIPv4 = true
      isTCP = ip.proto == .tcp
      transport = ip.headerCount
    } else if let ip = IPv6HeaderView(validating: bytes) {
      isIPv4 = false
      isTCP = ip.nextHeader == .tcp
      transport = 40
    } else {
      return nil
    }
    guard packet.count >= transport + (isTCP ? 20 : 8) else { return nil }
  }

  /// Writes the sums that the packet should have.
  static func mendChecksums(_ packet: inout [UInt8]) {
    guard let layout = PacketLayout(packet) else { return }
    let isICMPv4 = layout.isIPv4 && packet[9] == IPProtocol.icmp.rawValue
    let proto = IPProtocol(packet[layout.isIPv4 ? 9 : 6])
    if layout.isIPv4 {
      store(0, in: &packet, at: 10)
      var sum = InternetChecksum()
      sum.add(packet.rawSpan.extracting(0..<layout.transport))
      store(sum.field, in: &packet, at: 10)
    }
    let offset: Int
    switch proto {
    case .tcp: offset = 16
    case .udp: offset = 6
    case .icmp, .icmpv6: offset = 2
    default: return
    }
    store(0, in: &packet, at: layout.transport + offset)
    var sum = isICMPv4 ? InternetChecksum() : pseudoHeader(packet, layout, proto)
    sum.add(packet.rawSpan.extracting(layout.transport..<packet.count))
    store(sum.field, in: &packet, at: layout.transport + offset)
  }

  private static func pseudoHeader(
    _ packet: [UInt8], _ layout: PacketLayout, _ proto: IPProtocol
  ) -> InternetChecksum {
    let bytes = packet.rawSpan
    let length = packet.count - layout.transport
    if let ip = IPv4HeaderView(validating: bytes) {
      return .pseudoHeader(source: ip.source, destination: ip.destination, proto: proto, length: length)
    }
    guard let ip = IPv6HeaderView(validating: bytes) else { return InternetChecksum() }
    return .pseudoHeader(source: ip.source, destination: ip.destination, proto: proto, length: length)
  }

  private static func store(_ value: UInt16, in packet: inout [UInt8], at place: Int) {
    packet[place] = UInt8(truncatingIfNeeded: value >> 8)
    packet[place + 1] = UInt8(truncatingIfNeeded: value)
  }
}
