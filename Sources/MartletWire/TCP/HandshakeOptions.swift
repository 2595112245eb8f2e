/// The options of a SYN or a SYN-ACK without Fast Open, in few enough octets to be handed on in registers: a
/// flood of SYNs is answered with these.
@frozen
public struct HandshakeOptions: BitwiseCopyable, Sendable {
  /// Of these no others than MSS, window scale, SACK-permitted and timestamps count.
  public var present: TCPOptions.Present
  public var maximumSegmentSize: UInt16
  public var windowScale: WindowScale
  public var tsval: UInt32
  public var tsecr: UInt32

  @inlinable @inline(__always)
  public init(maximumSegmentSize: UInt16) {
    present = .maximumSegmentSize
    self.maximumSegmentSize = maximumSegmentSize
    windowScale = WindowScale(0)
    tsval = 0
    tsecr = 0
  }

  /// Reads options that come in words of four octets, as all kernels lay out those of a SYN. Nil: there is
  /// something else among them.
  @inlinable @inline(__always)
  public init?(words bytes: RawSpan) {
    self.init(maximumSegmentSize: 0)
    present = []
    guard readsUsual(bytes) || reads(bytes) else { return nil }
  }

  /// False: there is something else.
  @usableFromInline
  mutating func reads(_ bytes: RawSpan) -> Bool {
    var offset = 0
    while bytes.byteCount &- offset >= 4 {
      let word = bytes.be32(offset)
      if word >> 16 == 0x0204 {
        guard word & 0xffff != 0, !present.contains(.maximumSegmentSize) else { return false }
        maximumSegmentSize = UInt16(truncatingIfNeeded: word)
        present.insert(.maximumSegmentSize)
      } else if word >> 8 == 0x01_0303 {
        guard !present.contains(.windowScale) else { return false }
        windowScale = WindowScale(UInt8(truncatingIfNeeded: word))
        present.insert(.windowScale)
      } else if word == 0x0101_0402 {
        present.insert(.sackPermitted)
      } else if word == 0x0402_080A || word == TCPOptionKind.alignedTimestamps {
        guard bytes.byteCount &- offset >= 12, !present.contains(.timestamps) else { return false }
        if word == 0x0402_080A { present.insert(.sackPermitted) }
        setTimestamps(bytes.be64(offset &+ 4))
        present.insert(.timestamps)
        offset &+= 8
      } else {
        return false
      }
      offset &+= 4
    }
    // The octets of a header are whole words; a span of others is for the careful reader.
    return offset == bytes.byteCount
  }

  /// Reads the options that Linux has on a SYN, and on every other segment: at fixed places. False: it is not they,
  /// and nothing was read.
  @inlinable @inline(__always)
  mutating func readsUsual(_ bytes: RawSpan) -> Bool {
    if bytes.byteCount == 20 {
      let size = bytes.be32(0)
      let scale = bytes.be32(16)
      guard size >> 16 == 0x0204, size & 0xffff != 0, bytes.be32(4) == 0x0402_080A, scale >> 8 == 0x01_0303
      else { return false }
      present = Self.usual
      maximumSegmentSize = UInt16(truncatingIfNeeded: size)
      windowScale = WindowScale(UInt8(truncatingIfNeeded: scale))
      setTimestamps(bytes.be64(8))
      return true
    }
    guard bytes.byteCount == 12, bytes.be32(0) == TCPOptionKind.alignedTimestamps else { return false }
    present = .timestamps
    setTimestamps(bytes.be64(4))
    return true
  }

  @inlinable @inline(__always)
  mutating func setTimestamps(_ pair: UInt64) {
    tsval = UInt32(truncatingIfNeeded: pair >> 32)
    tsecr = UInt32(truncatingIfNeeded: pair)
  }

  @inlinable @inline(__always)
  public init(_ options: TCPOptions) {
    present = options.present
    maximumSegmentSize = options.maximumSegmentSize
    windowScale = options.windowScale
    tsval = options.tsval
    tsecr = options.tsecr
  }

  /// The octets that `write` writes: a multiple of 4, at most 20.
  @inlinable @inline(__always)
  public var encodedCount: Int {
    let bits = Int(present.rawValue)
    // MSS and window scale take four octets each, and so does SACK-permitted, unless the timestamps' padding has it.
    return (bits & 1) << 2 &+ (bits & 2) << 1 &+ (bits & 16 != 0 ? 12 : bits & 4)
  }

  /// Laid out as `TCPOptions.write` tells. Returns the offset after what was written.
  @inlinable @inline(__always)
  @discardableResult
  public func write(into out: inout MutableRawSpan, at start: Int) -> Int {
    if present == Self.usual {
      out.store64be(UInt64(sizeWord) << 32 | 0x0402_080A, at: start)
      out.store64be(UInt64(tsval) << 32 | UInt64(tsecr), at: start &+ 8)
      out.store32be(scaleWord, at: start &+ 16)
      return start &+ 20
    }
    var offset = start
    if present.contains(.maximumSegmentSize) {
      out.store32be(sizeWord, at: offset)
      offset &+= 4
    }
    if present.contains(.timestamps) {
      let first = present.contains(.sackPermitted) ? 0x0402_080A : TCPOptionKind.alignedTimestamps
      out.store32be(first, at: offset)
      out.store64be(UInt64(tsval) << 32 | UInt64(tsecr), at: offset &+ 4)
      offset &+= 12
    } else if present.contains(.sackPermitted) {
      out.store32be(0x0101_0402, at: offset)
      offset &+= 4
    }
    if present.contains(.windowScale) {
      out.store32be(scaleWord, at: offset)
      offset &+= 4
    }
    return offset
  }

  /// What Linux offers, and is answered: all of them, at fixed places.
  @inlinable
  package static var usual: TCPOptions.Present {
    [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
  }

  @inlinable @inline(__always)
  var sizeWord: UInt32 { 0x0204_0000 | UInt32(maximumSegmentSize) }

  @inlinable @inline(__always)
  var scaleWord: UInt32 { 0x0103_0300 | UInt32(windowScale.shift) }
}

extension NumberSum {
  /// Adds what `HandshakeOptions.write` writes.
  @inlinable @inline(__always)
  mutating func add(_ options: HandshakeOptions) {
    let present = options.present
    if present.contains(.maximumSegmentSize) { add(options.sizeWord) }
    if present.contains(.timestamps) {
      add(present.contains(.sackPermitted) ? 0x0402_080A : TCPOptionKind.alignedTimestamps)
      add(options.tsval)
      add(options.tsecr)
    } else if present.contains(.sackPermitted) {
      add(0x0101_0402)
    }
    if present.contains(.windowScale) { add(options.scaleWord) }
  }
}

extension TCPOptions {
  @inlinable @inline(__always)
  public init(_ handshake: HandshakeOptions) {
    self.init()
    present = handshake.present
    maximumSegmentSize = handshake.maximumSegmentSize
    windowScale = handshake.windowScale
    tsval = handshake.tsval
    tsecr = handshake.tsecr
  }

  @inlinable @inline(__always)
  var handshake: HandshakeOptions { HandshakeOptions(self) }
}
