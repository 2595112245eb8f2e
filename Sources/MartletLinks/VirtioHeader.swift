import MartletStack
import MartletWire

/// What stands before a packet on a device that completes checksums and cuts or joins segments: `virtio_net_hdr`
/// (VIRTIO 1.2 §5.1.6), ten octets, as TUN and TAP devices put it there. The lowest octet of a number comes first.
package struct VirtioHeader: Equatable, BitwiseCopyable, Sendable {
  /// Octets.
  package static var encodedCount: Int { 10 }

  package var flags: Flags
  package var kind: Kind
  /// ECN was agreed on, and CWR is for the first segment alone.
  package var marksFirstOnly: Bool
  /// Octets of all headers before the text, that of the link among them; a hint.
  package var headerCount: UInt16
  /// Octets of text in each segment.
  package var segmentSize: UInt16
  /// From where on a sum is taken, and where behind that it belongs.
  package var checksumStart: UInt16
  package var checksumOffset: UInt16

  package struct Flags: OptionSet, BitwiseCopyable, Sendable {
    package var rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// The checksum has yet to be completed.
    package static var needsChecksum: Flags { Flags(rawValue: 1) }
    /// It is right.
    package static var isValid: Flags { Flags(rawValue: 2) }
  }

  /// What the packet is cut into, or was joined from.
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    case none = 0
    case tcp4 = 1
    case tcp6 = 4
    case udp = 5
  }

  // MARK: Octets

  /// Nil: there are too few, or the kind is none that anybody was asked for.
  package init?(parsing bytes: RawSpan) {
    guard bytes.byteCount >= Self.encodedCount, let kind = Kind(rawValue: bytes.u8(1) & 0x7f) else {
      return nil
    }
    flags = Flags(rawValue: bytes.u8(0))
    self.kind = kind
    marksFirstOnly = bytes.u8(1) & 0x80 != 0
    headerCount = bytes.be16(2).byteSwapped
    segmentSize = bytes.be16(4).byteSwapped
    checksumStart = bytes.be16(6).byteSwapped
    checksumOffset = bytes.be16(8).byteSwapped
  }

  package func write(into out: inout MutableRawSpan) {
    out.store8(flags.rawValue, at: 0)
    out.store8(kind.rawValue | (marksFirstOnly ? 0x80 : 0), at: 1)
    out.store16be(headerCount.byteSwapped, at: 2)
    out.store16be(segmentSize.byteSwapped, at: 4)
    out.store16be(checksumStart.byteSwapped, at: 6)
    out.store16be(checksumOffset.byteSwapped, at: 8)
  }

  // MARK: What it means

  /// Of a packet that leaves.
  ///
  /// - Parameter start: where its IP header begins.
  package init(_ metadata: PacketMetadata, of packet: RawSpan, ipAt start: Int) {
    self.init()
    guard case .partial(let first, let offset) = metadata.checksum else { return }
    flags = .needsChecksum
    checksumStart = first
    checksumOffset = offset
    guard metadata.segmentSize > 0 else { return }
    segmentSize = metadata.segmentSize
    headerCount = metadata.headerCount
    guard Int(offset) == TCPHeader.checksumOffset else {
      kind = .udp
      return
    }
    kind = packet.u8(start) >> 4 == 4 ? .tcp4 : .tcp6
    // CWR (RFC 3168 §6.1.2) is the first bit of TCP's fourteenth octet.
    marksFirstOnly = packet.u8(Int(first) &+ 13) & 0x80 != 0
  }

  init() {
    flags = []
    kind = .none
    marksFirstOnly = false
    headerCount = 0
    segmentSize = 0
    checksumStart = 0
    checksumOffset = 0
  }

  /// Of a packet that came; nil: it lies about it. Whoever says that a checksum is not complete yet vouches for the
  /// octets: they have been on no wire.
  ///
  /// - Parameter start: where the packet's IP header begins, in a frame of another protocol its first octet.
  package func metadata(of packet: RawSpan, ipAt start: Int) -> PacketMetadata? {
    var metadata = PacketMetadata()
    if flags.contains(.needsChecksum) {
      guard Int(checksumStart) >= start, Int(checksumStart) &+ Int(checksumOffset) &+ 2 <= packet.byteCount
      else { return nil }
      metadata.checksum = .partial(start: checksumStart, offset: checksumOffset)
    } else if flags.contains(.isValid) {
      metadata.checksum = .verified
    }
    guard kind != .none else { return metadata }
    // Nothing is cut whose sums nobody completes.
    guard flags.contains(.needsChecksum), segmentSize > 0, isTrue(of: packet, ipAt: start) else { return nil }
    metadata.segmentSize = segmentSize
    metadata.headerCount = headerCount
    return metadata
  }

  private func isTrue(of packet: RawSpan, ipAt start: Int) -> Bool {
    guard start < packet.byteCount else { return false }
    let (version, offset) = (packet.u8(start) >> 4, Int(checksumOffset))
    return switch kind {
    case .none: true
    case .tcp4: version == 4 && offset == TCPHeader.checksumOffset
    case .tcp6: version == 6 && offset == TCPHeader.checksumOffset
    case .udp: (version == 4 || version == 6) && offset == UDPHeader.checksumOffset
    }
  }
}

extension PacketMetadata {
  /// Where a device completes the packet's checksum, and what it puts there; nil: it has nothing to complete.
  package func completedChecksum(of packet: RawSpan) -> (place: Int, field: UInt16)? {
    guard case .partial(let start, let offset) = checksum else { return nil }
    let place = Int(start) + Int(offset)
    guard place + 2 <= packet.byteCount else { return nil }
    // The field holds the pseudo-header's part of the sum.
    var sum = InternetChecksum()
    sum.add(packet.extracting(Int(start)..<packet.byteCount))
    return (place, Int(offset) == UDPHeader.checksumOffset ? UDPHeader.checksumField(sum) : sum.field)
  }
}
