public import MartletTCP
import MartletWire

/// What is known of a packet once its IP header has been read.
struct Arrival: BitwiseCopyable {
  var interface: InterfaceID
  var source: IPAddress
  var destination: IPAddress
  /// Addressed to this host alone.
  var isUnicast: Bool
  /// Nobody needs to look at the transport checksum.
  var isVerified: Bool
  /// Octets of text in each segment that was joined into this; 0: it is one.
  var segmentSize: UInt16
  var ecn: ECN
  /// The hop limit of a packet of IPv6 that came whole; 0: it did not, and Neighbor Discovery must not believe it
  /// (RFC 6980).
  var neighbourHops: UInt8 = 0
  /// The hop limit or time to live that it came with; of what came in fragments, the first one's. 0: it did not come.
  var hops: UInt8 = 0
  /// Likewise; `ecn` is what all fragments say.
  var dscp: UInt8 = 0
  var fields: IPFields { IPFields(hopLimit: hops, dscp: dscp, ecn: ecn) }
  var isIPv4: Bool { source.isIPv4 }
  /// Of a link-local flow: its interface and one; 0 otherwise.
  var zone: UInt16 { source.isLinkLocal ? interface.zone : 0 }
}

extension NetworkStack {
  /// Takes in a packet that came on an interface: IP header first, or on an Ethernet the frame's.
  ///
  /// Any octets are fine. What is malformed, not for us or unwanted is dropped, and
  /// `counters.drops(_:)` says why. What it causes waits in `nextEvent` and `nextPacket`.
  public mutating func receive(
    _ packet: RawSpan, _ metadata: PacketMetadata = PacketMetadata(), on interface: InterfaceID, now: Instant
  ) {
    tell(now)
    counts.inPackets &+= 1
    counts.inOctets &+= UInt64(packet.byteCount)
    guard isPresent(interface) else { return counts.drop(.noInterface) }
    // What another stack has put together has no header of an Ethernet any more.
    if interfaces[interface.index].link.isEthernet, metadata.shard == 0 {
      frameArrives(packet, metadata, on: interface)
      return relieveIfShort()
    }
    guard packet.byteCount > 0 else { return counts.drop(.notIP) }
    switch packet.u8(0) >> 4 {
    case 4: ipv4Arrives(packet, metadata, on: interface)
    case 6: ipv6Arrives(packet, metadata, on: interface)
    default: counts.drop(.notIP)
    }
    relieveIfShort()
  }

  /// Time never goes back: an earlier instant counts as the latest seen.
  mutating func tell(_ now: Instant) {
    if clock < now { clock = now }
  }

  /// Hands a packet for us to its protocol. This is the one place where "deliver" is decided.
  mutating func deliver(
    _ payload: RawSpan, _ proto: IPProtocol, _ arrival: Arrival, packet: RawSpan
  ) {
    switch proto {
    case .tcp: tcpArrives(payload, arrival)
    case .udp: udpArrives(payload, arrival, packet: packet)
    case .icmp where arrival.isIPv4: icmpArrives(payload, arrival, packet: packet)
    case .icmpv6 where !arrival.isIPv4: icmpArrives(payload, arrival, packet: packet)
    case .igmp where arrival.isIPv4: igmpArrives(payload, arrival, packet: packet)
    default:
      counts.drop(.unknownProtocol)
      if arrival.isUnicast, arrival.isIPv4 { queueUnreachable(.proto, .port, packet, arrival) }
    }
  }
}

extension PacketMetadata {
  /// A device that left the sum to be completed got the packet from this very host: nothing was on a wire.
  var isVerified: Bool { checksum != .unverified }
}
