public import MartletStack
import MartletTCP
public import MartletWire

/// A packet that somebody off the path sends to a host.
public struct ForgedPacket: Equatable, Sendable {
  public var target: HostID
  /// From the IP header on.
  public var octets: [UInt8]

  public init(to target: HostID, octets: [UInt8]) {
    self.target = target
    self.octets = octets
  }

  /// A TCP segment with right checksums that claims to be from `source`.
  public init(
    to target: HostID, _ header: TCPHeader, from source: IPAddress, to destination: IPAddress,
    text: [UInt8] = []
  ) {
    self.target = target
    let transport = header.encodedCount + text.count
    let start = source.isIPv4 ? 20 : 40
    octets = [UInt8](repeating: 0, count: start + header.encodedCount)
    octets.writing { out in
      switch (source, destination) {
      case (.v4(let source), .v4(let destination)):
        IPv4Header(
          totalCount: UInt16(truncatingIfNeeded: start + transport), proto: .tcp, source: source,
          destination: destination
        ).write(into: &out, at: 0)
      case (.v6(let source), .v6(let destination)):
        IPv6Header(
          payloadCount: UInt16(truncatingIfNeeded: transport), nextHeader: .tcp, source: source,
          destination: destination
        ).write(into: &out, at: 0)
      default: break
      }
      header.write(into: &out, at: start)
    }
    octets += text
    PacketLayout.mendChecksums(&octets)
  }
}

/// Somebody who can send any packet with any source to any host, and sees nothing of what others send. He knows
/// addresses and ports, and guesses the rest (RFC 5961 §1.2).
public struct OffPathAttacker: Sendable {
  private var random: SimulatorRandom

  public init(seed: UInt64) { random = SimulatorRandom(seed: seed) }

  /// A segment with numbers, window and timestamps of his own making.
  public mutating func segment(
    _ flags: TCPFlags, from source: Endpoint, to destination: Endpoint, of target: HostID, textCount: Int = 0
  ) -> ForgedPacket {
    var header = TCPHeader(
      sourcePort: source.port, destinationPort: destination.port,
      seq: SequenceNumber(UInt32(truncatingIfNeeded: random.next())),
      ack: SequenceNumber(flags.contains(.ack) ? UInt32(truncatingIfNeeded: random.next()) : 0), flags: flags,
      window: UnscaledWindow(UInt16(truncatingIfNeeded: random.next())))
    if random.below(2) == 0 {
      header.options.present.insert(.timestamps)
      header.options.tsval = UInt32(truncatingIfNeeded: random.next())
      header.options.tsecr = UInt32(truncatingIfNeeded: random.next())
    }
    let text = (0..<max(textCount, 0)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    return ForgedPacket(
      to: target, header, from: source.address, to: destination.address, text: text)
  }

  /// An ICMP error about a segment of the target's that he has not seen: its sequence number is a guess.
  public mutating func packetTooBig(
    mtu: UInt16, from router: IPAddress, about source: Endpoint, to destination: Endpoint, of target: HostID
  ) -> ForgedPacket {
    complaint(.tooBig(mtu: Int(mtu)), from: router, about: source, to: destination, of: target)
  }

  /// Likewise, that its destination cannot be reached.
  public mutating func hostUnreachable(
    from router: IPAddress, about source: Endpoint, to destination: Endpoint, of target: HostID
  ) -> ForgedPacket {
    complaint(.hostUnreachable, from: router, about: source, to: destination, of: target)
  }

  private mutating func complaint(
    _ complaint: Complaint, from router: IPAddress, about source: Endpoint, to destination: Endpoint,
    of target: HostID
  ) -> ForgedPacket {
    let quoted = segment(.ack, from: source, to: destination, of: target).octets
    guard let packet = RoutedPacket(quoted.rawSpan) else { return ForgedPacket(to: target, octets: []) }
    var pair = AddressPair.hop(inside: 0)
    if case .v4(let address) = router { pair.v4 = address }
    if case .v6(let address) = router { pair.v6 = address }
    return ForgedPacket(to: target, octets: complaint.octets(about: quoted, packet, from: pair))
  }
}

extension Simulation {
  /// A packet from nowhere reaches a host now, by its first link. Its conditions do not apply, nor do rules.
  public func inject(_ forged: ForgedPacket) {
    guard let attachment = hosts[forged.target.index].attachments.first, !forged.octets.isEmpty else {
      return
    }
    let way = WayID(to: attachment.side, of: attachment.link)
    if let tap {
      let source = links[way.link].end(1 - way.side).node
      var passage = Passage(.delivered)
      passage.arrival = now
      var seen = Observation(
        TransitPacket(time: now, source: source, destination: attachment.node, octets: forged.octets), passage
      )
      seen.isForged = true
      tap(seen)
    }
    launch(pool.take(forged.octets), forged.octets.count, now, on: way)
  }
}
