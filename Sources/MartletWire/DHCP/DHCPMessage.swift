/// A DHCP message as a value (RFC 2131 §2), with the names that the RFC gives its fields. What stands in `sname` and
/// `file` is left out, but for options.
public struct DHCPMessage: Equatable, BitwiseCopyable, Sendable {
  public enum Operation: UInt8, BitwiseCopyable, Sendable {
    case request = 1
    case reply = 2
  }

  public var op: Operation
  public var hops: UInt8 = 0
  /// Tells answers to one question from those to another.
  public var xid: UInt32
  /// Since the client began.
  public var secs: UInt16 = 0
  /// The client asks for answers to everybody, because it hears no others yet.
  public var wantsBroadcast = false
  public var ciaddr = IPv4Address.any
  public var yiaddr = IPv4Address.any
  public var siaddr = IPv4Address.any
  public var giaddr = IPv4Address.any
  /// The client's, on an Ethernet.
  public var chaddr: MACAddress
  public var options = DHCPOptions()

  public init(op: Operation, xid: UInt32, chaddr: MACAddress) {
    self.op = op
    self.xid = xid
    self.chaddr = chaddr
  }

  /// Octets before the options, the magic cookie among them.
  public static var fixedCount: Int { 240 }
  /// What relays of BOOTP pass on at least (RFC 1542 §2.1).
  public static var minimumCount: Int { 300 }
  private static var cookie: UInt32 { 0x6382_5363 }
  private static var snameAt: Int { 44 }
  private static var fileAt: Int { 108 }
  private static var cookieAt: Int { 236 }
  /// Ethernet, and six octets of address.
  private static var hardware: UInt16 { 0x0106 }

  /// Reads a message. Nil: it is cut short, is not about an Ethernet, lacks the cookie, or has options that leave the
  /// field that they are in.
  public init?(parsing bytes: RawSpan) {
    guard bytes.byteCount >= Self.fixedCount, let op = Operation(rawValue: bytes.u8(0)),
      bytes.be16(1) == Self.hardware, bytes.be32(Self.cookieAt) == Self.cookie
    else { return nil }
    guard
      let options = DHCPOptions(
        parsing: bytes.extracting(Self.fixedCount..<bytes.byteCount),
        file: bytes.extracting(Self.fileAt..<Self.cookieAt),
        sname: bytes.extracting(Self.snameAt..<Self.fileAt))
    else { return nil }
    self.init(op: op, xid: bytes.be32(4), chaddr: MACAddress(bits: bytes.be64(28) >> 16))
    hops = bytes.u8(3)
    secs = bytes.be16(8)
    wantsBroadcast = bytes.u8(10) & 0x80 != 0
    ciaddr = bytes.ipv4Address(12)
    yiaddr = bytes.ipv4Address(16)
    siaddr = bytes.ipv4Address(20)
    giaddr = bytes.ipv4Address(24)
    self.options = options
  }

  /// Octets that `write` writes, padding included.
  public var encodedCount: Int {
    max(Self.minimumCount, Self.fixedCount &+ options.encodedCount)
  }

  /// Writes exactly `encodedCount` octets.
  public func write(into out: inout MutableRawSpan, at start: Int) {
    out.storeZeros(encodedCount, at: start)
    out.store8(op.rawValue, at: start)
    out.store16be(Self.hardware, at: start &+ 1)
    out.store8(hops, at: start &+ 3)
    out.store32be(xid, at: start &+ 4)
    out.store16be(secs, at: start &+ 8)
    out.store16be(wantsBroadcast ? 0x8000 : 0, at: start &+ 10)
    out.store(ciaddr, at: start &+ 12)
    out.store(yiaddr, at: start &+ 16)
    out.store(siaddr, at: start &+ 20)
    out.store(giaddr, at: start &+ 24)
    out.store64be(chaddr.bits << 16, at: start &+ 28)
    out.store32be(Self.cookie, at: start &+ Self.cookieAt)
    options.write(into: &out, at: start &+ Self.fixedCount)
  }
}

/// What a DHCP message is for (RFC 2132 §9.6).
public enum DHCPMessageType: UInt8, BitwiseCopyable, Sendable {
  case discover = 1
  case offer = 2
  case request = 3
  case decline = 4
  case ack = 5
  case nak = 6
  case release = 7
  case inform = 8
}

/// What a client would like to be told (RFC 2132 §9.8), of what there is in `DHCPOptions`.
public struct DHCPParameters: OptionSet, Equatable, BitwiseCopyable, Sendable {
  public var rawValue: UInt8

  public init(rawValue: UInt8) { self.rawValue = rawValue }

  public static var subnetMask: DHCPParameters { DHCPParameters(rawValue: 1) }
  public static var routers: DHCPParameters { DHCPParameters(rawValue: 2) }
  public static var domainNameServers: DHCPParameters { DHCPParameters(rawValue: 4) }
  public static var interfaceMTU: DHCPParameters { DHCPParameters(rawValue: 8) }
  public static var leaseTime: DHCPParameters { DHCPParameters(rawValue: 16) }
  public static var renewalTime: DHCPParameters { DHCPParameters(rawValue: 32) }
  public static var rebindingTime: DHCPParameters { DHCPParameters(rawValue: 64) }
  public static var all: DHCPParameters { DHCPParameters(rawValue: 127) }

  /// The option that stands for the bit at a place.
  static func code(_ place: UInt8) -> DHCPOptionCode {
    switch place {
    case 0: .subnetMask
    case 1: .routers
    case 2: .domainNameServers
    case 3: .interfaceMTU
    case 4: .leaseTime
    case 5: .renewalTime
    default: .rebindingTime
    }
  }

  static var places: UInt8 { 7 }
}
