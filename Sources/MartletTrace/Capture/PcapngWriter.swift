public import MartletTCP
internal import MartletWire

/// Whether a packet came in or went out, as seen from the host that captured it.
public enum PacketDirection: UInt32, Sendable {
  case unknown = 0
  case inbound = 1
  case outbound = 2
}

/// What packets of an interface begin with: the numbers of the LINKTYPE registry.
public enum LinkType: UInt16, Sendable {
  /// An Ethernet header.
  case ethernet = 1
  /// An IPv4 or IPv6 header; its version nibble says which.
  case rawIP = 101
}

/// What a capture says of one interface.
public struct PcapngInterface: Equatable, Sendable {
  /// Digits after the second.
  public enum Resolution: UInt8, Sendable {
    case microseconds = 6
    case nanoseconds = 9
  }

  public var linkType: LinkType
  public var name: String
  public var summary: String
  public var resolution: Resolution
  /// Octets of a packet that are kept; 0: all.
  public var snapLength: UInt32

  public init(
    _ linkType: LinkType = .rawIP, name: String = "", summary: String = "",
    resolution: Resolution = .nanoseconds, snapLength: UInt32 = 0
  ) {
    self.linkType = linkType
    self.name = name
    self.summary = summary
    self.resolution = resolution
    self.snapLength = snapLength
  }
}

/// Which interface of one file.
public struct PcapngInterfaceID: Equatable, Sendable {
  fileprivate var index: Int
}

/// Writes a pcapng capture (draft-ietf-opsawg-pcapng), block by block, little-endian.
///
///     var file: [UInt8] = []
///     var writer = PcapngWriter(into: &file, application: "martlet")
///     let tun = writer.add(PcapngInterface(name: "tun0"), into: &file)
///     writer.write(packet, at: now, on: tun, direction: .inbound, comment: "refused: no listener", into: &file)
///
/// Each call appends whole blocks to its sink; the caller may empty the sink
/// between calls, and what it has by then is a sound file.
public struct PcapngWriter: Sendable {
  private var interfaces: [PcapngInterface] = []
  /// Nanoseconds since 1970 at `Instant.origin`.
  private var epoch: UInt64

  /// Begins a section. `epoch`: nanoseconds from 1970 to `Instant.origin`, which a
  /// capture wants and a monotonic clock does not know.
  public init(
    into sink: inout [UInt8], application: String = "", comment: String = "", epoch: UInt64 = 0
  ) {
    self.epoch = epoch
    var block = PcapngBlock(.sectionHeader)
    block.append32(0x1a2b_3c4d)
    block.append16(1)
    block.append16(0)
    // The length of the section is not known while it grows.
    block.append32(.max)
    block.append32(.max)
    block.option(.comment, comment)
    block.option(.application, application)
    block.end(into: &sink)
  }

  /// Describes an interface, before its first packet.
  public mutating func add(_ interface: PcapngInterface, into sink: inout [UInt8]) -> PcapngInterfaceID {
    var block = PcapngBlock(.interfaceDescription)
    block.append16(interface.linkType.rawValue)
    block.append16(0)
    block.append32(interface.snapLength)
    block.option(.name, interface.name)
    block.option(.summary, interface.summary)
    block.option(.resolution, octet: interface.resolution.rawValue)
    block.end(into: &sink)
    interfaces.append(interface)
    return PcapngInterfaceID(index: interfaces.count &- 1)
  }

  /// Writes one packet with its metadata. An id of another writer is taken for interface 0.
  ///
  /// - Parameter lost: packets between the last one and this that had to be left out; 0: none.
  public func write(
    _ packet: RawSpan, at time: Instant, on id: PcapngInterfaceID, direction: PacketDirection = .unknown,
    comment: String = "", lost: UInt64 = 0, into sink: inout [UInt8]
  ) {
    guard !interfaces.isEmpty else { return }
    let index = interfaces.indices.contains(id.index) ? id.index : 0
    let interface = interfaces[index]
    let limit = interface.snapLength == 0 ? packet.byteCount : Int(clamping: interface.snapLength)
    let kept = min(packet.byteCount, limit)
    var block = PcapngBlock(.enhancedPacket)
    block.append32(UInt32(truncatingIfNeeded: index))
    block.append(stamp(of: time, interface))
    block.append32(UInt32(truncatingIfNeeded: kept))
    block.append32(UInt32(truncatingIfNeeded: packet.byteCount))
    block.append(packet, count: kept)
    block.option(.comment, comment)
    if direction != .unknown { block.option(.flags, word: direction.rawValue) }
    if lost > 0 { block.option(.dropCount, long: lost) }
    block.end(into: &sink)
  }

  /// Says how a capture of an interface went: packets that passed, and those that it has not got.
  public func writeStatistics(
    of id: PcapngInterfaceID, received: UInt64, dropped: UInt64, at time: Instant, into sink: inout [UInt8]
  ) {
    guard interfaces.indices.contains(id.index) else { return }
    var block = PcapngBlock(.interfaceStatistics)
    block.append32(UInt32(truncatingIfNeeded: id.index))
    block.append(stamp(of: time, interfaces[id.index]))
    block.option(.received, long: received)
    block.option(.dropped, long: dropped)
    block.end(into: &sink)
  }

  private func stamp(of time: Instant, _ interface: PcapngInterface) -> UInt64 {
    let nanoseconds = time.nanoseconds &+ epoch
    return interface.resolution == .nanoseconds ? nanoseconds : nanoseconds / 1_000
  }
}

/// One block while it grows: type, length, body in whole words, options, length again.
private struct PcapngBlock {
  enum Kind: UInt32 {
    case sectionHeader = 0x0a0d_0d0a
    case interfaceDescription = 1
    case interfaceStatistics = 5
    case enhancedPacket = 6
  }

  /// Option codes; what a code means depends on the block it stands in.
  enum OptionCode {
    case comment, application, name, summary, resolution, flags, dropCount, received, dropped

    var rawValue: UInt16 {
      switch self {
      case .comment: 1
      case .application: 4
      case .name: 2
      case .summary: 3
      case .resolution: 9
      case .flags: 2
      case .dropCount: 4
      case .received: 4
      case .dropped: 5
      }
    }
  }

  private var bytes: [UInt8] = []
  private var hasOptions = false

  init(_ kind: Kind) {
    append32(kind.rawValue)
    append32(0)
  }

  mutating func append16(_ value: UInt16) {
    bytes.append(UInt8(truncatingIfNeeded: value))
    bytes.append(UInt8(truncatingIfNeeded: value >> 8))
  }

  mutating func append32(_ value: UInt32) {
    append16(UInt16(truncatingIfNeeded: value))
    append16(UInt16(truncatingIfNeeded: value >> 16))
  }

  /// A time: its upper half comes first, in either byte order.
  mutating func append(_ stamp: UInt64) {
    append32(UInt32(truncatingIfNeeded: stamp >> 32))
    append32(UInt32(truncatingIfNeeded: stamp))
  }

  mutating func append(_ packet: RawSpan, count: Int) {
    bytes.reserveCapacity(bytes.count &+ count &+ 32)
    for offset in 0..<count { bytes.append(packet.u8(offset)) }
    pad()
  }

  /// Text as UTF-8, cut between characters at what the length field holds; nothing when it is empty.
  mutating func option(_ code: OptionCode, _ text: String) {
    guard !text.isEmpty else { return }
    var kept = [UInt8](text.utf8.prefix(65_535))
    if text.utf8.count > kept.count {
      while let last = kept.last, last & 0xc0 == 0x80 { kept.removeLast() }
      kept.removeLast()
    }
    begin(code, count: kept.count)
    bytes += kept
    pad()
  }

  mutating func option(_ code: OptionCode, octet: UInt8) {
    begin(code, count: 1)
    bytes.append(octet)
    pad()
  }

  mutating func option(_ code: OptionCode, word: UInt32) {
    begin(code, count: 4)
    append32(word)
  }

  mutating func option(_ code: OptionCode, long: UInt64) {
    begin(code, count: 8)
    append32(UInt32(truncatingIfNeeded: long))
    append32(UInt32(truncatingIfNeeded: long >> 32))
  }

  /// Closes options and block, and appends it.
  consuming func end(into sink: inout [UInt8]) {
    if hasOptions { append32(0) }
    let total = UInt32(truncatingIfNeeded: bytes.count &+ 4)
    for shift in 0..<4 { bytes[4 &+ shift] = UInt8(truncatingIfNeeded: total >> UInt32(8 &* shift)) }
    append32(total)
    sink += bytes
  }

  private mutating func begin(_ code: OptionCode, count: Int) {
    hasOptions = true
    append16(code.rawValue)
    append16(UInt16(truncatingIfNeeded: count))
  }

  private mutating func pad() {
    while bytes.count & 3 != 0 { bytes.append(0) }
  }
}
