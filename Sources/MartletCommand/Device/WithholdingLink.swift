import MartletLinks
import MartletStack
import MartletTCP
import MartletWire
import SystemPackage

/// A link that, on demand, lets no TCP segment of ours out but those with SYN: a client behind it
/// opens and never sends the third segment (S3.9). The stack does not notice.
package struct WithholdingLink<Base: Link & ~Copyable>: Link, ~Copyable {
  package var base: Base
  private let isWithholding: Bool
  /// Segments that stayed here.
  package private(set) var withheld: UInt64 = 0

  package init(_ base: consuming Base, isWithholding: Bool) {
    self.base = base
    self.isWithholding = isWithholding
  }

  package var name: String { base.name }
  package var mtu: Int { base.mtu }
  package var largestPacket: Int { base.largestPacket }
  package var medium: Medium { base.medium }
  package var offload: InterfaceConfiguration.Offload { base.offload }
  package var readiness: FileDescriptor? { base.readiness }
  package var roomSignal: RoomSignal { base.roomSignal }
  package var counters: LinkCounters { base.counters }

  package mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    try base.receive(limit: limit, now: now, deliver)
  }

  package mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    guard isWithholding else { return try base.send(limit: limit, now: now, fill) }
    let header = base.medium.headerCount
    var kept: UInt64 = 0
    let outcome = try base.send(limit: limit, now: now) { buffer in
      while let packet = fill(&buffer) {
        let octets = buffer.bytes.extracting(first: packet.count)
        if !Self.isWithheld(octets.extracting(min(header, packet.count)..<packet.count)) { return packet }
        kept += 1
      }
      return nil
    }
    withheld += kept
    return outcome
  }

  /// Whether this is a TCP segment without SYN.
  private static func isWithheld(_ packet: RawSpan) -> Bool {
    if let ip = IPv4HeaderView(validating: packet) {
      return ip.proto == .tcp && lacksSYN(ip.payload)
    }
    if let ip = IPv6HeaderView(validating: packet) {
      return ip.nextHeader == .tcp && lacksSYN(ip.payload)
    }
    return false
  }

  private static func lacksSYN(_ segment: RawSpan) -> Bool {
    guard let tcp = TCPHeaderView(validating: segment) else { return false }
    return !tcp.flags.contains(.syn)
  }
}

extension Medium {
  /// Octets before the IP header.
  package var headerCount: Int {
    switch self {
    case .ip, .loopback: 0
    case .ethernet(let ethernet):
      EthernetHeader.encodedCount + (ethernet.vlan == nil ? 0 : VLANTag.encodedCount)
    }
  }
}
