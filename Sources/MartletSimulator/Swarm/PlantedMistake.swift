import MartletTCP
import MartletWire

/// What a path remembers of the streams it carries.
private final class StreamMemory {
  private var ends: [(ports: UInt32, end: SequenceNumber)] = []
  private var fins: [UInt32] = []

  /// Whether all of a segment's text has been here before.
  func hasSeen(_ packet: TransitPacket) -> Bool {
    guard let header = packet.header, packet.textCount > 0 else { return false }
    let end = header.seq.advanced(by: UInt32(truncatingIfNeeded: packet.textCount))
    for place in ends.indices where ends[place].ports == header.ports {
      guard ends[place].end.precedes(end) else { return true }
      ends[place].end = end
      return false
    }
    ends.append((header.ports, end))
    return false
  }

  /// Whether a FIN of the stream has been here before.
  func hasSeenFin(_ packet: TransitPacket) -> Bool {
    guard let header = packet.header, header.flags.contains(.fin) else { return false }
    if fins.contains(header.ports) { return true }
    fins.append(header.ports)
    return false
  }
}

extension TCPHeader {
  fileprivate var ports: UInt32 { UInt32(sourcePort) << 16 | UInt32(destinationPort) }
}

extension PacketRule {
  /// `PlantedMistake.spoilsRetransmissions`.
  static func spoilingRetransmissions() -> PacketRule {
    let memory = StreamMemory()
    return PacketRule(.edit(spoil)) { memory.hasSeen($0) }
  }

  private static func spoil(_ packet: inout [UInt8]) {
    packet[packet.count - 1] ^= 0xff
    PacketLayout.mendChecksums(&packet)
  }

  /// `PlantedMistake.swallowsRepeatedFins`.
  static func swallowingRepeatedFins() -> PacketRule {
    let memory = StreamMemory()
    return PacketRule(.drop) { memory.hasSeenFin($0) }
  }
}
