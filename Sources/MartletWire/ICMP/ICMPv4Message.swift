/// Why an IPv4 packet did not arrive (RFC 792; RFC 1122 §3.2.2.1).
@frozen
public struct ICMPv4UnreachableCode: RawRepresentable, Equatable, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  @inlinable public static var network: Self { Self(rawValue: 0) }
  @inlinable public static var host: Self { Self(rawValue: 1) }
  @inlinable public static var proto: Self { Self(rawValue: 2) }
  @inlinable public static var port: Self { Self(rawValue: 3) }
  @inlinable public static var fragmentationNeeded: Self { Self(rawValue: 4) }
  @inlinable public static var sourceRouteFailed: Self { Self(rawValue: 5) }
  @inlinable public static var networkProhibited: Self { Self(rawValue: 9) }
  @inlinable public static var hostProhibited: Self { Self(rawValue: 10) }
  @inlinable public static var prohibited: Self { Self(rawValue: 13) }
}

/// The first eight octets of an ICMPv4 message, as a value (RFC 792). What follows them, echo
/// data or the quoted packet, is `ICMPv4MessageView.body`.
@frozen
public enum ICMPv4Message: Equatable, BitwiseCopyable, Sendable {
  case echoRequest(identifier: UInt16, sequence: UInt16)
  case echoReply(identifier: UInt16, sequence: UInt16)
  /// The MTU is zero but for `.fragmentationNeeded`, and zero there too from routers older than RFC 1191.
  case destinationUnreachable(ICMPv4UnreachableCode, nextHopMTU: UInt16)
  /// Code 0: in transit. Code 1: in reassembly.
  case timeExceeded(code: UInt8)
  /// The pointer counts octets of the quoted packet; it means something with code 0 alone.
  case parameterProblem(code: UInt8, pointer: UInt8)
  case redirect(code: UInt8, gateway: IPv4Address)
  /// Obsolete and to be ignored (RFC 6633).
  case sourceQuench
  /// Anything else; `rest` is octets 4 to 7.
  case other(type: UInt8, code: UInt8, rest: UInt32)

  /// Octets that are read and written: type, code, checksum and four more.
  @inlinable public static var encodedCount: Int { 8 }
  /// Where the checksum field lies.
  @inlinable public static var checksumOffset: Int { 2 }

  public var encodedCount: Int { Self.encodedCount }

  /// Reads the first eight octets, or nil when there are fewer.
  public init?(parsing bytes: RawSpan) {
    guard bytes.byteCount >= Self.encodedCount else { return nil }
    let code = bytes.u8(1)
    let rest = bytes.be32(4)
    let high = UInt16(truncatingIfNeeded: rest >> 16)
    let low = UInt16(truncatingIfNeeded: rest)
    switch (bytes.u8(0), code) {
    case (8, 0): self = .echoRequest(identifier: high, sequence: low)
    case (0, 0): self = .echoReply(identifier: high, sequence: low)
    case (3, 4): self = .destinationUnreachable(.fragmentationNeeded, nextHopMTU: low)
    case (3, _): self = .destinationUnreachable(ICMPv4UnreachableCode(rawValue: code), nextHopMTU: 0)
    case (11, _): self = .timeExceeded(code: code)
    case (12, _): self = .parameterProblem(code: code, pointer: UInt8(truncatingIfNeeded: rest >> 24))
    case (5, _): self = .redirect(code: code, gateway: IPv4Address(bits: rest))
    case (4, 0): self = .sourceQuench
    case (let type, _): self = .other(type: type, code: code, rest: rest)
    }
  }

  /// Writes exactly eight octets, the checksum field zero: it covers the body too, which
  /// the caller puts behind.
  public func write(into out: inout MutableRawSpan, at start: Int) {
    let fields = self.fields
    out.store32be(UInt32(fields.type) << 24 | UInt32(fields.code) << 16, at: start)
    out.store32be(fields.rest, at: start &+ 4)
  }

  /// Whether this is an error, which quotes the packet it is about and must never be
  /// answered with another (RFC 1122 §3.2.2).
  public var isError: Bool {
    switch self {
    case .destinationUnreachable, .timeExceeded, .parameterProblem, .redirect, .sourceQuench: return true
    case .echoRequest, .echoReply, .other: return false
    }
  }

  /// Type, code and octets 4 to 7, as they go on the wire.
  public var fields: (type: UInt8, code: UInt8, rest: UInt32) {
    switch self {
    case .echoRequest(let identifier, let sequence):
      return (8, 0, UInt32(identifier) << 16 | UInt32(sequence))
    case .echoReply(let identifier, let sequence):
      return (0, 0, UInt32(identifier) << 16 | UInt32(sequence))
    case .destinationUnreachable(let code, let mtu): return (3, code.rawValue, UInt32(mtu))
    case .timeExceeded(let code): return (11, code, 0)
    case .parameterProblem(let code, let pointer): return (12, code, UInt32(pointer) << 24)
    case .redirect(let code, let gateway): return (5, code, gateway.bits)
    case .sourceQuench: return (4, 0, 0)
    case .other(let type, let code, let rest): return (type, code, rest)
    }
  }
}

/// An ICMPv4 message seen in place. After validation no accessor can fail.
public struct ICMPv4MessageView: ~Escapable {
  /// The whole message.
  public let bytes: RawSpan
  public let message: ICMPv4Message

  /// Nil when there are fewer than eight octets.
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard let message = ICMPv4Message(parsing: bytes) else { return nil }
    self.bytes = bytes
    self.message = message
  }

  /// What follows the first eight octets: echo data, or the quoted packet of an error.
  public var body: RawSpan {
    @_lifetime(copy self) get { bytes.extracting(ICMPv4Message.encodedCount..<bytes.byteCount) }
  }

  /// Whether the message is intact. There is no pseudo-header (RFC 792).
  public var isChecksumValid: Bool {
    var sum = InternetChecksum()
    sum.add(bytes)
    return sum.isValid
  }

  /// The packet that an error is about; nil for other messages and for quotes too short to tell.
  public var quoted: QuotedPacket? {
    message.isError ? QuotedPacket(parsingIPv4: body) : nil
  }
}
