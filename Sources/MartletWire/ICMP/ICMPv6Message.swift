/// Why an IPv6 packet did not arrive (RFC 4443 §3.1).
@frozen
public struct ICMPv6UnreachableCode: RawRepresentable, Equatable, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  @inlinable public static var noRoute: Self { Self(rawValue: 0) }
  @inlinable public static var prohibited: Self { Self(rawValue: 1) }
  @inlinable public static var beyondScope: Self { Self(rawValue: 2) }
  @inlinable public static var address: Self { Self(rawValue: 3) }
  @inlinable public static var port: Self { Self(rawValue: 4) }
  @inlinable public static var policy: Self { Self(rawValue: 5) }
  @inlinable public static var rejectRoute: Self { Self(rawValue: 6) }
}

/// The first eight octets of an ICMPv6 message, as a value (RFC 4443). What follows them is
/// `ICMPv6MessageView.body`. Neighbor discovery (RFC 4861) comes as `.other`.
@frozen
public enum ICMPv6Message: Equatable, BitwiseCopyable, Sendable {
  case echoRequest(identifier: UInt16, sequence: UInt16)
  case echoReply(identifier: UInt16, sequence: UInt16)
  case destinationUnreachable(ICMPv6UnreachableCode)
  case packetTooBig(mtu: UInt32)
  /// Code 0: in transit. Code 1: in reassembly.
  case timeExceeded(code: UInt8)
  /// Code 0: erroneous field. 1: unrecognized next header. 2: unrecognized option. The pointer counts
  /// octets of the quoted packet.
  case parameterProblem(code: UInt8, pointer: UInt32)
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
    case (128, 0): self = .echoRequest(identifier: high, sequence: low)
    case (129, 0): self = .echoReply(identifier: high, sequence: low)
    case (1, _): self = .destinationUnreachable(ICMPv6UnreachableCode(rawValue: code))
    // RFC 4443 §3.2: the code is ignored by the receiver.
    case (2, _): self = .packetTooBig(mtu: rest)
    case (3, _): self = .timeExceeded(code: code)
    case (4, _): self = .parameterProblem(code: code, pointer: rest)
    case (let type, _): self = .other(type: type, code: code, rest: rest)
    }
  }

  /// Writes exactly eight octets, the checksum field zero: it covers pseudo-header and body too.
  public func write(into out: inout MutableRawSpan, at start: Int) {
    let fields = self.fields
    out.store32be(UInt32(fields.type) << 24 | UInt32(fields.code) << 16, at: start)
    out.store32be(fields.rest, at: start &+ 4)
  }

  /// Whether this is an error (types below 128), which must never be answered with another
  /// (RFC 4443 §2.4 (e)). Unknown errors are errors too.
  public var isError: Bool {
    fields.type < 128
  }

  /// Type, code and octets 4 to 7, as they go on the wire.
  public var fields: (type: UInt8, code: UInt8, rest: UInt32) {
    switch self {
    case .echoRequest(let identifier, let sequence):
      return (128, 0, UInt32(identifier) << 16 | UInt32(sequence))
    case .echoReply(let identifier, let sequence):
      return (129, 0, UInt32(identifier) << 16 | UInt32(sequence))
    case .destinationUnreachable(let code): return (1, code.rawValue, 0)
    case .packetTooBig(let mtu): return (2, 0, mtu)
    case .timeExceeded(let code): return (3, code, 0)
    case .parameterProblem(let code, let pointer): return (4, code, pointer)
    case .other(let type, let code, let rest): return (type, code, rest)
    }
  }
}

/// An ICMPv6 message seen in place. After validation no accessor can fail.
public struct ICMPv6MessageView: ~Escapable {
  /// The whole message.
  public let bytes: RawSpan
  public let message: ICMPv6Message

  /// Nil when there are fewer than eight octets.
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard let message = ICMPv6Message(parsing: bytes) else { return nil }
    self.bytes = bytes
    self.message = message
  }

  /// What follows the first eight octets: echo data, or the quoted packet of an error.
  public var body: RawSpan {
    @_lifetime(copy self) get { bytes.extracting(ICMPv6Message.encodedCount..<bytes.byteCount) }
  }

  /// Whether the message is intact. The pseudo-header is part of the sum (RFC 4443 §2.3).
  public func isChecksumValid(source: IPv6Address, destination: IPv6Address) -> Bool {
    var sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: .icmpv6, length: bytes.byteCount)
    sum.add(bytes)
    return sum.isValid
  }

  /// The packet that an error is about; nil for other messages and for quotes too short to tell.
  public var quoted: QuotedPacket? {
    message.isError ? QuotedPacket(parsingIPv6: body) : nil
  }
}
