import MartletStack
import MartletTCP
import MartletWire
import Testing

/// What a station said of groups, read after everything in it was verified: checksums, hop limit, router alert, and
/// the address that the frame goes to.
struct SeenReport: Equatable {
  enum Said: Equatable {
    case isMember(IPAddress)
    case joined(IPAddress)
    case left(IPAddress)
    /// In a message of an older version.
    case older(type: UInt8, IPAddress)
  }

  var source: IPAddress
  var destination: IPAddress
  var said: [Said]

  /// Nil: it is no report, or anything about it is wrong.
  init?(_ frame: SeenFrame) {
    let packet = frame.payload
    let start: Int
    let message: Packet
    switch frame.type {
    case .ipv4:
      guard packet.count >= 32, packet[9] == 2, packet[0] == 0x46,
        plainChecksum(Packet(packet.prefix(24))) == 0,
        Packet(packet[20..<24]) == [0x94, 4, 0, 0], packet[8] == 1, packet[1] == 0xc0
      else { return nil }
      start = 24
      message = Packet(packet.dropFirst(start))
      source = .v4(packet.span.bytes.ipv4Address(12))
      destination = .v4(packet.span.bytes.ipv4Address(16))
      guard plainChecksum(message) == 0 else { return nil }
    case .ipv6:
      guard packet.count >= 56, packet[6] == 0, packet[7] == 1,
        Packet(packet[40..<48]) == [58, 0, 5, 2, 0, 0, 1, 0]
      else { return nil }
      start = 48
      message = Packet(packet.dropFirst(start))
      source = .v6(packet.span.bytes.ipv6Address(8))
      destination = .v6(packet.span.bytes.ipv6Address(24))
      guard source.isLinkLocal || source.isUnspecified,
        checksum(message, .icmpv6, source, destination) == 0
      else { return nil }
    default: return nil
    }
    switch destination {
    case .v4(let group): guard frame.destination == MACAddress(multicast: group) else { return nil }
    case .v6(let group): guard frame.destination == MACAddress(multicast: group) else { return nil }
    }
    guard let said = Self.read(message) else { return nil }
    self.said = said
  }

  private static func read(_ message: Packet) -> [Said]? {
    let bytes = message.span.bytes
    let type = message[0]
    switch type {
    case 0x12, 0x16, 0x17: return message.count == 8 ? [.older(type: type, .v4(bytes.ipv4Address(4)))] : nil
    case 131, 132: return message.count == 24 ? [.older(type: type, .v6(bytes.ipv6Address(8)))] : nil
    case 0x22, 143:
      let size = type == 143 ? 20 : 8
      let count = Int(bytes.be16(6))
      guard message.count == 8 + count * size else { return nil }
      return (0..<count).map { n in
        let at = 8 + n * size
        let group: IPAddress =
          type == 143 ? .v6(bytes.ipv6Address(at + 4)) : .v4(bytes.ipv4Address(at + 4))
        switch message[at] {
        case 2: return .isMember(group)
        case 3: return .left(group)
        case 4: return .joined(group)
        default: return .older(type: 0, group)
        }
      }
    default: return nil
    }
  }
}

extension Station {
  /// A query of IGMP or MLD, right but for what is said otherwise.
  func query(
    _ group: IPAddress? = nil, isIPv4: Bool = true, version: GroupProtocolVersion = .third,
    response: UInt16 = 100, robustness: UInt8 = 2, sources: Int = 0, hopLimit: UInt8 = 1, alert: Bool = true,
    from source: IPAddress? = nil, to destination: IPAddress? = nil, extra: Packet = []
  ) -> Packet {
    isIPv4
      ? query4(
        group, version, response, robustness, sources, hopLimit, alert, source ?? v4(10, 0, 0, 254),
        destination,
        extra)
      : query6(
        group, version, response, robustness, sources, hopLimit, alert, source ?? linkLocal(254), destination,
        extra)
  }

  private func query4(
    _ group: IPAddress?, _ version: GroupProtocolVersion, _ response: UInt16, _ robustness: UInt8,
    _ sources: Int, _ hopLimit: UInt8, _ alert: Bool, _ source: IPAddress, _ destination: IPAddress?,
    _ extra: Packet
  ) -> Packet {
    var address = IPv4Address.any
    if case .v4(let group)? = group { address = group }
    var message: Packet = [0x11, version == .first ? 0 : UInt8(response), 0, 0]
    message += withUnsafeBytes(of: address.bits.bigEndian) { Packet($0) }
    if version == .third {
      message += [robustness, 125, 0, UInt8(sources)] + Packet(repeating: 9, count: sources * 4)
    }
    message += extra
    store(plainChecksum(message), in: &message, at: 2)
    let to = destination ?? .v4(group == nil ? .allHosts : address)
    var packet = ip(.igmp, from: source, to: to, message, hopLimit: hopLimit)
    if alert {
      packet[0] = 0x46
      packet.insert(contentsOf: [0x94, 4, 0, 0], at: 20)
      store(UInt16(packet.count), in: &packet, at: 2)
      store(0, in: &packet, at: 10)
      store(plainChecksum(Packet(packet.prefix(24))), in: &packet, at: 10)
    }
    guard case .v4(let group) = to else { return [] }
    return frame(packet, from: mac(9), to: group.isMulticast ? MACAddress(multicast: group) : hardware)
  }

  private func query6(
    _ group: IPAddress?, _ version: GroupProtocolVersion, _ response: UInt16, _ robustness: UInt8,
    _ sources: Int, _ hopLimit: UInt8, _ alert: Bool, _ source: IPAddress, _ destination: IPAddress?,
    _ extra: Packet
  ) -> Packet {
    var address = IPv6Address.any
    if case .v6(let group)? = group { address = group }
    var message: Packet = [130, 0, 0, 0, UInt8(response >> 8), UInt8(response & 255), 0, 0] + octets(address)
    if version == .third {
      message += [robustness, 125, 0, UInt8(sources)] + Packet(repeating: 9, count: sources * 16)
    }
    message += extra
    let to = destination ?? .v6(group == nil ? .allNodes : address)
    store(checksum(message, .icmpv6, source, to), in: &message, at: 2)
    var packet = ip(alert ? .hopByHop : .icmpv6, from: source, to: to, message, hopLimit: hopLimit)
    if alert {
      packet.insert(contentsOf: [58, 0, 5, 2, 0, 0, 1, 0], at: 40)
      store(UInt16(packet.count - 40), in: &packet, at: 4)
    }
    guard case .v6(let group) = to else { return [] }
    return frame(packet, from: mac(9), to: group.isMulticast ? MACAddress(multicast: group) : hardware)
  }
}

/// fe80::n
func linkLocal(_ n: UInt64) -> IPAddress { .v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: n)) }
