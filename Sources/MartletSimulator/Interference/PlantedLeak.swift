import MartletTCP
import MartletWire

/// Mistakes that a host could make, put between it and its links, to see whether the pairs find them.
public enum PlantedLeak: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  case none
  /// Everything that leaves has the next of one count in its header: IPv4's identification, IPv6's flow label.
  case countsPackets
  /// A hundred segments without text a second leave to everybody together, and no more (CVE-2016-5696).
  case limitsAnswers
  /// What leaves after an odd number of packets leaves a microsecond later.
  case hesitates
  /// A field of the header holds what the buffer held before.
  case remembersOctets
}

extension PlantedLeak {
  func rules(from host: HostID, toAttacker attacker: IPAddress) -> [PacketRule] {
    guard self != .none else { return [] }
    let memory = LeakyMemory(attacker)
    func isOurs(_ packet: TransitPacket) -> Bool { packet.source == host }
    switch self {
    case .none: return []
    case .countsPackets:
      return [
        PacketRule(
          .edit { packet in
            memory.count &+= 1
            Self.write(memory.count, into: &packet)
          }, matching: isOurs)
      ]
    case .limitsAnswers: return [PacketRule(.drop) { isOurs($0) && memory.isBeyondLimit($0) }]
    case .hesitates:
      return [
        PacketRule(.delay(.microseconds(1))) { packet in
          guard isOurs(packet) else { return false }
          memory.count &+= 1
          return memory.count % 2 == 1 && memory.isForAttacker(packet)
        }
      ]
    case .remembersOctets:
      return [
        PacketRule(
          .edit { packet in
            let before = memory.count
            memory.count = UInt16(packet.last ?? 0)
            Self.write(before, into: &packet)
          }, matching: isOurs)
      ]
    }
  }

  private static func write(_ value: UInt16, into packet: inout [UInt8]) {
    guard let layout = PacketLayout(packet) else { return }
    // IPv4's identification, or the low half of IPv6's flow label.
    let place = layout.isIPv4 ? 4 : 2
    packet[place] = UInt8(truncatingIfNeeded: value >> 8)
    packet[place + 1] = UInt8(truncatingIfNeeded: value)
    PacketLayout.mendChecksums(&packet)
  }
}

private final class LeakyMemory {
  var count: UInt16 = 0
  private let attacker: IPAddress
  private var second: UInt64 = 0
  private var answers = 0

  init(_ attacker: IPAddress) { self.attacker = attacker }

  func isForAttacker(_ packet: TransitPacket) -> Bool {
    PacketLayout.addresses(of: packet.octets)?.1 == attacker
  }

  /// Counts it, too.
  func isBeyondLimit(_ packet: TransitPacket) -> Bool {
    guard packet.header != nil, packet.textCount == 0 else { return false }
    let now = packet.time.nanoseconds / 1_000_000_000
    if now != second {
      second = now
      answers = 0
    }
    answers += 1
    return answers > 100
  }
}
