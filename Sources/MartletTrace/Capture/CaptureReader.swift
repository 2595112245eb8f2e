internal import MartletWire

/// Why a capture cannot be read, or not further.
public enum CaptureError: Error, Equatable, Sendable {
  /// It begins neither as pcapng nor as pcap.
  case notACapture
  /// It ends within the block or record at this octet: whoever wrote it was interrupted. What came before is good.
  case truncated(at: UInt64)
  /// What stands at this octet cannot be: lengths that contradict each other, a packet of no interface.
  case malformed(at: UInt64)
}

extension CaptureError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notACapture: "This is no capture: it begins neither as pcapng nor as pcap."
    case .truncated(at: 0): "The capture ends within its first block. There is nothing in it."
    case .truncated(let offset):
      "The capture ends in the middle, at octet \(offset). What comes before is good."
    case .malformed(let offset): "The capture makes no sense at octet \(offset)."
    }
  }
}

/// A packet in a capture.
public struct CapturedPacket: Equatable, Sendable {
  /// Index into `CaptureReader.interfaces`.
  public var interface: Int
  /// Nanoseconds since 1970; 0: the capture does not say.
  public var time: UInt64
  /// Where its octets are in what was handed in, as many as were kept.
  public var octets: Range<Int>
  /// Octets that it had.
  public var originalCount: Int
  public var direction: PacketDirection
  /// Where its first comment is, in UTF-8.
  public var comment: Range<Int>?
}

/// What a capture says of an interface.
public struct CapturedInterface: Equatable, Sendable {
  /// The number of the LINKTYPE registry: what packets begin with.
  public var linkType: UInt16
  public var name: String
  /// Octets of a packet that it keeps at most; 0: all.
  public var snapLength: UInt32
  var clock = CaptureClock(digits: 6)

  public init(linkType: UInt16, name: String = "", snapLength: UInt32 = 0) {
    self.linkType = linkType
    self.name = name
    self.snapLength = snapLength
  }
}

/// Reads a capture, pcapng (draft-ietf-opsawg-pcapng) or pcap (draft-ietf-opsawg-pcap), of either byte order, packet by packet.
///
/// It keeps what is said of interfaces and nothing else. The file is handed in with each call, and no octets make it trap:
///
///     var reader = try CaptureReader(file)
///     while let packet = try reader.next(in: file) { show(file.extracting(packet.octets)) }
///
/// What does not fit in memory, or is still to come, is handed in by parts: `letGo` tells how many octets at the beginning
/// will not be asked for again, and after `CaptureError.truncated` the same call is good with more at the end.
public struct CaptureReader: Sendable {
  public private(set) var interfaces: [CapturedInterface] = []
  /// Octets that were let go.
  private var start: UInt64 = 0
  private var offset = 0
  private var isBigEndian = false
  private let isClassic: Bool
  /// Interfaces of sections before this one.
  private var sectionStart = 0

  /// No block or record is larger, or it is malformed: 16 MiB.
  public static var largestBlock: Int { 16 << 20 }

  /// - Parameter file: from its first octet on, 24 at least.
  public init(_ file: RawSpan) throws(CaptureError) {
    guard file.byteCount >= 4 else { throw file.byteCount == 0 ? .notACapture : .truncated(at: 0) }
    switch file.be32(0) {
    case 0x0a0d_0d0a: isClassic = false
    case 0xa1b2_c3d4, 0xa1b2_3c4d, 0xd4c3_b2a1, 0x4d3c_b2a1:
      isClassic = true
      try beginClassic(file)
    default: throw .notACapture
    }
  }

  /// The next packet; nil: there is none.
  public mutating func next(in file: RawSpan) throws(CaptureError) -> CapturedPacket? {
    if isClassic { return try nextRecord(file) }
    while offset < file.byteCount {
      if let packet = try nextBlock(file) { return packet }
    }
    return nil
  }

  /// Forgets what has been read: the next call's `file` begins so many octets further on.
  public mutating func letGo() -> Int {
    defer { offset = 0 }
    start &+= UInt64(offset)
    return offset
  }

  private func truncated(_ at: Int) -> CaptureError { .truncated(at: start &+ UInt64(at)) }
  private func malformed(_ at: Int) -> CaptureError { .malformed(at: start &+ UInt64(at)) }

  private func u16(_ file: RawSpan, _ at: Int) -> UInt16 {
    isBigEndian ? file.be16(at) : file.be16(at).byteSwapped
  }

  private func u32(_ file: RawSpan, _ at: Int) -> UInt32 {
    isBigEndian ? file.be32(at) : file.be32(at).byteSwapped
  }

  /// No more than an index can be, which is less than it says where that has 32 bits.
  private func number(_ file: RawSpan, _ at: Int) -> Int { Int(clamping: u32(file, at)) }

  // MARK: pcap

  private mutating func beginClassic(_ file: RawSpan) throws(CaptureError) {
    let magic = file.be32(0)
    isBigEndian = magic == 0xa1b2_c3d4 || magic == 0xa1b2_3c4d
    guard file.byteCount >= 24 else { throw .truncated(at: 0) }
    let isFine = magic == 0xa1b2_3c4d || magic == 0x4d3c_b2a1
    // The upper bits tell of a frame check sequence.
    let linkType = UInt16(truncatingIfNeeded: u32(file, 20))
    interfaces = [CapturedInterface(linkType: linkType, snapLength: u32(file, 16))]
    interfaces[0].clock = CaptureClock(digits: isFine ? 9 : 6)
    offset = 24
  }

  private mutating func nextRecord(_ file: RawSpan) throws(CaptureError) -> CapturedPacket? {
    let at = offset
    guard at < file.byteCount else { return nil }
    guard file.byteCount - at >= 16 else { throw truncated(at) }
    let kept = number(file, at + 8)
    guard kept <= Self.largestBlock else { throw malformed(at) }
    guard kept <= file.byteCount - at - 16 else { throw truncated(at) }
    offset = at + 16 + kept
    let perSecond: UInt64 = interfaces[0].clock.digits == 9 ? 1 : 1_000
    let time = UInt64(u32(file, at)) &* 1_000_000_000 &+ UInt64(u32(file, at + 4)) &* perSecond
    return CapturedPacket(
      interface: 0, time: time, octets: (at + 16)..<(at + 16 + kept), originalCount: number(file, at + 12),
      direction: .unknown)
  }

  // MARK: pcapng

  private mutating func nextBlock(_ file: RawSpan) throws(CaptureError) -> CapturedPacket? {
    let at = offset
    guard file.byteCount - at >= 12 else { throw truncated(at) }
    // The type of a section's header reads the same both ways; its order is in its body.
    let isSection = file.be32(at) == 0x0a0d_0d0a
    if isSection { try learnOrder(file, at) }
    let count = number(file, at + 4)
    guard count >= 12, count & 3 == 0, count <= Self.largestBlock else { throw malformed(at) }
    guard count <= file.byteCount - at else { throw truncated(at) }
    guard number(file, at + count - 4) == count else { throw malformed(at) }
    let body = (at + 8)..<(at + count - 4)
    offset = at + count
    if isSection {
      guard body.count >= 16 else { throw malformed(at) }
      sectionStart = interfaces.count
      return nil
    }
    switch u32(file, at) {
    case 1:
      try addInterface(file, body)
      return nil
    case 2: return try oldPacket(file, body)
    case 3: return try simplePacket(file, body)
    case 6: return try enhancedPacket(file, body)
    default: return nil
    }
  }

  private mutating func learnOrder(_ file: RawSpan, _ at: Int) throws(CaptureError) {
    switch file.be32(at + 8) {
    case 0x1a2b_3c4d: isBigEndian = true
    case 0x4d3c_2b1a: isBigEndian = false
    default: throw malformed(at)
    }
  }

  private mutating func addInterface(_ file: RawSpan, _ body: Range<Int>) throws(CaptureError) {
    guard body.count >= 8, interfaces.count < 1 << 16 else { throw malformed(body.lowerBound) }
    var interface = CapturedInterface(
      linkType: u16(file, body.lowerBound), snapLength: u32(file, body.lowerBound + 4))
    eachOption(file, (body.lowerBound + 8)..<body.upperBound) { code, value in
      switch (code, value.count) {
      case (2, _): interface.name = text(file, value)
      case (9, 1...): interface.clock.learn(resolution: file.u8(value.lowerBound))
      case (14, 8):
        let (first, second) = (UInt64(u32(file, value.lowerBound)), UInt64(u32(file, value.lowerBound + 4)))
        interface.clock.offset = isBigEndian ? first << 32 | second : second << 32 | first
      default: break
      }
    }
    interfaces.append(interface)
  }

  private func enhancedPacket(_ file: RawSpan, _ body: Range<Int>) throws(CaptureError) -> CapturedPacket {
    guard body.count >= 20 else { throw malformed(body.lowerBound) }
    let at = body.lowerBound
    return try packet(
      file, body, interface: number(file, at), high: u32(file, at + 4), low: u32(file, at + 8),
      kept: number(file, at + 12), original: number(file, at + 16))
  }

  /// Obsolete, and still written.
  private func oldPacket(_ file: RawSpan, _ body: Range<Int>) throws(CaptureError) -> CapturedPacket {
    guard body.count >= 20 else { throw malformed(body.lowerBound) }
    let at = body.lowerBound
    return try packet(
      file, body, interface: Int(u16(file, at)), high: u32(file, at + 4), low: u32(file, at + 8),
      kept: number(file, at + 12), original: number(file, at + 16))
  }

  private func packet(
    _ file: RawSpan, _ body: Range<Int>, interface number: Int, high: UInt32, low: UInt32, kept: Int,
    original: Int
  ) throws(CaptureError) -> CapturedPacket {
    let first = body.lowerBound + 20
    guard number < interfaces.count - sectionStart, kept <= body.upperBound - first else {
      throw malformed(body.lowerBound)
    }
    let index = sectionStart + number
    var packet = CapturedPacket(
      interface: index, time: interfaces[index].clock.nanoseconds(of: UInt64(high) << 32 | UInt64(low)),
      octets: first..<(first + kept), originalCount: original, direction: .unknown)
    let options = min(first + (kept + 3) & ~3, body.upperBound)
    eachOption(file, options..<body.upperBound) { code, value in
      if code == 1, packet.comment == nil { packet.comment = value }
      if code == 2, value.count == 4 {
        packet.direction = PacketDirection(rawValue: u32(file, value.lowerBound) & 3) ?? .unknown
      }
    }
    return packet
  }

  /// Of the first interface, with as much of it as the interface keeps, and no time.
  private func simplePacket(_ file: RawSpan, _ body: Range<Int>) throws(CaptureError) -> CapturedPacket {
    guard body.count >= 4, sectionStart < interfaces.count else { throw malformed(body.lowerBound) }
    let original = number(file, body.lowerBound)
    let first = body.lowerBound + 4
    let snapLength = interfaces[sectionStart].snapLength
    let most = snapLength == 0 ? original : min(original, Int(clamping: snapLength))
    return CapturedPacket(
      interface: sectionStart, time: 0, octets: first..<(first + min(most, body.upperBound - first)),
      originalCount: original, direction: .unknown)
  }

  /// Stops at the end of them, or at one that is cut off.
  private func eachOption(_ file: RawSpan, _ range: Range<Int>, _ body: (UInt16, Range<Int>) -> Void) {
    var at = range.lowerBound
    while range.upperBound - at >= 4 {
      let (code, count) = (u16(file, at), Int(u16(file, at + 2)))
      guard code != 0, count <= range.upperBound - at - 4 else { return }
      body(code, (at + 4)..<(at + 4 + count))
      at += 4 + (count + 3) & ~3
    }
  }

  private func text(_ file: RawSpan, _ range: Range<Int>) -> String {
    var octets: [UInt8] = []
    for i in range { octets.append(file.u8(i)) }
    return String(decoding: octets, as: UTF8.self)
  }
}

/// What an interface's stamps count.
struct CaptureClock: Equatable, Sendable {
  /// A unit is 10^-digits seconds.
  var digits: UInt8
  /// A unit is 2^-bits seconds; nil: it goes by digits.
  var bits: UInt8?
  /// Seconds to add, in two's complement.
  var offset: UInt64 = 0

  init(digits: UInt8) { self.digits = digits }

  /// `if_tsresol`.
  mutating func learn(resolution: UInt8) {
    if resolution & 0x80 == 0 {
      (digits, bits) = (resolution, nil)
    } else {
      bits = resolution & 0x7f
    }
  }

  func nanoseconds(of stamp: UInt64) -> UInt64 {
    offset &* 1_000_000_000 &+ (bits.map { binary(stamp, $0) } ?? decimal(stamp))
  }

  private func decimal(_ stamp: UInt64) -> UInt64 {
    var value = stamp
    if digits <= 9 {
      for _ in digits..<9 { value = value &* 10 }
    } else {
      for _ in 9..<min(digits, 30) { value /= 10 }
    }
    return value
  }

  private func binary(_ stamp: UInt64, _ bits: UInt8) -> UInt64 {
    guard bits < 64 else { return 0 }
    let seconds = stamp >> UInt64(bits)
    let fraction = bits == 0 ? 0 : stamp & (UInt64.max >> UInt64(64 - bits))
    // fraction * 10^9 / 2^bits, by way of 128 bits.
    let (high, low) = fraction.multipliedFullWidth(by: 1_000_000_000)
    let part = bits == 0 ? 0 : high << UInt64(64 - bits) | low >> UInt64(bits)
    return seconds &* 1_000_000_000 &+ part
  }
}
