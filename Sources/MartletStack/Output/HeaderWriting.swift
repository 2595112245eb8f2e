import MartletTCP
import MartletWire

/// Everything that stands before a segment's text.
struct SegmentHeader: BitwiseCopyable {
  var flow: Flow
  var plan: SegmentPlan
  var hopLimit: UInt8
  var dscp: UInt8
  var offload: InterfaceConfiguration.Offload

  /// Writes IP header, TCP header and text, which is copied and summed in one pass.
  func write(into out: inout MutableRawSpan, text: ByteQueue, _ pool: borrowing ChunkPool) -> OutgoingPacket {
    let tcp = TCPHeader(
      sourcePort: flow.localPort, destinationPort: flow.remotePort, seq: plan.seq, ack: plan.ack,
      flags: plan.flags, window: plan.window, urgentPointer: plan.urgentPointer, options: plan.options)
    let headerCount = tcp.encodedCount
    let length = headerCount &+ Int(truncatingIfNeeded: plan.textCount)
    let start = flow.writeIP(.tcp, length, hopLimit, dscp, plan.ecn, into: &out)
    tcp.write(into: &out, at: start)
    var sum = InternetChecksum.pseudoHeader(
      source: flow.local, destination: flow.remote, proto: .tcp, length: length)
    let isSegmented = plan.segmentSize > 0 && plan.textCount > UInt32(plan.segmentSize)
    var metadata = PacketMetadata()
    if isSegmented {
      metadata.segmentSize = plan.segmentSize
      metadata.headerCount = UInt16(truncatingIfNeeded: start &+ headerCount)
    }
    let place = start &+ headerCount
    if offload.contains(.checksum) || isSegmented {
      text.copy(at: plan.textOffset, count: plan.textCount, into: &out, at: place, pool)
      out.store16be(sum.folded, at: start &+ TCPHeader.checksumOffset)
      metadata.checksum = .partial(
        start: UInt16(truncatingIfNeeded: start), offset: UInt16(truncatingIfNeeded: TCPHeader.checksumOffset)
      )
    } else {
      if plan.textCount > 0 {
        sum.add(text.emit(at: plan.textOffset, count: plan.textCount, into: &out, at: place, pool))
      }
      sum.add(out.checksum(from: start, count: headerCount))
      out.store16be(sum.field, at: start &+ TCPHeader.checksumOffset)
    }
    return OutgoingPacket(count: start &+ length, metadata: metadata)
  }
}

extension SegmentHeader {
  /// The same of a segment without text.
  func writeAlone(into out: inout MutableRawSpan) -> OutgoingPacket {
    let tcp = TCPHeader(
      sourcePort: flow.localPort, destinationPort: flow.remotePort, seq: plan.seq, ack: plan.ack,
      flags: plan.flags, window: plan.window, urgentPointer: plan.urgentPointer, options: plan.options)
    let length = tcp.encodedCount
    let start = flow.writeIP(.tcp, length, hopLimit, dscp, plan.ecn, into: &out)
    tcp.write(into: &out, at: start)
    var metadata = PacketMetadata()
    if offload.contains(.checksum) {
      flow.storePartialChecksum(of: length, into: &out, at: start)
      metadata.checksum = .partial(
        start: UInt16(truncatingIfNeeded: start), offset: UInt16(truncatingIfNeeded: TCPHeader.checksumOffset)
      )
    } else {
      flow.storeChecksum(of: length, into: &out, at: start)
    }
    return OutgoingPacket(count: start &+ length, metadata: metadata)
  }
}

extension Flow {
  /// The checksum of the TCP header of `length` octets at `start`, with nothing after it.
  @inline(__always)
  func storeChecksum(of length: Int, into out: inout MutableRawSpan, at start: Int) {
    var sum = InternetChecksum.pseudoHeader(source: local, destination: remote, proto: .tcp, length: length)
    sum.add(out.checksum(from: start, count: length))
    out.store16be(sum.field, at: start &+ TCPHeader.checksumOffset)
  }

  /// Likewise the part of it that a device cannot know.
  @inline(__always)
  func storePartialChecksum(of length: Int, into out: inout MutableRawSpan, at start: Int) {
    let sum = InternetChecksum.pseudoHeader(source: local, destination: remote, proto: .tcp, length: length)
    out.store16be(sum.folded, at: start &+ TCPHeader.checksumOffset)
  }

  /// Writes the IP header of a packet with `length` octets after it; returns where they begin.
  func writeIP(
    _ proto: IPProtocol, _ length: Int, _ hopLimit: UInt8, _ dscp: UInt8, _ ecn: ECN,
    into out: inout MutableRawSpan
  ) -> Int {
    switch (local, remote) {
    case (.v4(let source), .v4(let destination)):
      // DSCP as it was given (SHLD-22).
      // The identification is zero: with DF set it means nothing (RFC 6864 §4.1; robustness rule O7). DF means
      // that the path is found out about (RFC 7323 §5.7).
      IPv4Header(
        dscp: dscp & 0x3f, ecn: ecn,
        totalCount: UInt16(truncatingIfNeeded: length &+ IPv4Header.encodedCount),
        timeToLive: hopLimit, proto: proto, source: source, destination: destination
      ).write(into: &out, at: 0)
      return IPv4Header.encodedCount
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        dscp: dscp & 0x3f, ecn: ecn, payloadCount: UInt16(truncatingIfNeeded: length), nextHeader: proto,
        hopLimit: hopLimit, source: source, destination: destination
      ).write(into: &out, at: 0)
      return IPv6Header.encodedCount
    default:
      // A flow has addresses of one family: no key is made of any other.
      return 0
    }
  }
}

extension DatagramHeader {
  /// Writes the IP header; returns where the datagram begins.
  func writeIP(into out: inout MutableRawSpan, hopLimit: UInt8) -> Int {
    Flow(local: local, remote: remote, localPort: 0, remotePort: 0)
      .writeIP(proto, Int(count), hopLimit, fields.dscp, fields.ecn, into: &out)
  }

  /// Completes the datagram's checksum, whose field was zero when `sum` was taken.
  func storeChecksum(_ sum: InternetChecksum, into out: inout MutableRawSpan, at place: Int) {
    switch proto {
    case .udp:
      var whole = pseudoHeader
      whole.add(sum)
      out.store16be(UDPHeader.checksumField(whole), at: place &+ UDPHeader.checksumOffset)
    case .icmpv6:
      var whole = pseudoHeader
      whole.add(sum)
      out.store16be(whole.field, at: place &+ ICMPv6Message.checksumOffset)
    default:
      out.store16be(sum.field, at: place &+ ICMPv4Message.checksumOffset)
    }
  }

  var pseudoHeader: InternetChecksum {
    InternetChecksum.pseudoHeader(source: local, destination: remote, proto: proto, length: Int(count))
  }
}
