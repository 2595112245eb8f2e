/// What a host says of one group, whatever the sources (RFC 3376 §4.2.12, RFC 3810 §5.2.12).
@frozen
public enum GroupRecordKind: UInt8, BitwiseCopyable, Sendable {
  /// It is in the group: MODE_IS_EXCLUDE, of no source.
  case isMember = 2
  /// It has left: CHANGE_TO_INCLUDE_MODE, of no source.
  case hasLeft = 3
  /// It has joined: CHANGE_TO_EXCLUDE_MODE, of no source.
  case hasJoined = 4
}

/// The first eight octets of an IGMP message.
@frozen
public enum IGMPMessage: Equatable, BitwiseCopyable, Sendable {
  /// RFC 1112 appendix I.
  case firstReport(IPv4Address)
  /// RFC 2236 §2.1.
  case secondReport(IPv4Address)
  case leave(IPv4Address)
  /// With so many records behind it (RFC 3376 §4.2).
  case report(records: UInt16)

  @inlinable public static var encodedCount: Int { 8 }
  /// Where the checksum field lies.
  @inlinable public static var checksumOffset: Int { 2 }
  /// Octets of a record without sources.
  @inlinable public static var recordCount: Int { 8 }

  /// Writes exactly eight octets, the checksum field zero: it covers the records, too.
  public func write(into out: inout MutableRawSpan, at start: Int) {
    let (type, rest): (UInt32, UInt32) =
      switch self {
      case .firstReport(let group): (0x12, group.bits)
      case .secondReport(let group): (0x16, group.bits)
      case .leave(let group): (0x17, group.bits)
      case .report(let records): (0x22, UInt32(records))
      }
    out.store32be(type << 24, at: start)
    out.store32be(rest, at: start &+ 4)
  }

  /// Writes exactly eight octets.
  public static func writeRecord(
    _ kind: GroupRecordKind, _ group: IPv4Address, into out: inout MutableRawSpan, at start: Int
  ) {
    out.store32be(UInt32(kind.rawValue) << 24, at: start)
    out.store(group, at: start &+ 4)
  }
}

/// What a host says by MLD.
@frozen
public enum MLDMessage: Equatable, BitwiseCopyable, Sendable {
  /// RFC 2710 §3.
  case firstReport(IPv6Address)
  case done(IPv6Address)
  /// With so many records behind it (RFC 3810 §5.2).
  case report(records: UInt16)

  /// Octets of a record without sources.
  @inlinable public static var recordCount: Int { 20 }

  @inlinable
  public var encodedCount: Int {
    switch self {
    case .firstReport, .done: ICMPv6Message.encodedCount &+ 16
    case .report: ICMPv6Message.encodedCount
    }
  }

  /// Writes exactly `encodedCount` octets, the checksum field zero: it covers the records, too.
  public func write(into out: inout MutableRawSpan, at start: Int) {
    switch self {
    case .firstReport(let group): Self.write(131, group, into: &out, at: start)
    case .done(let group): Self.write(132, group, into: &out, at: start)
    case .report(let records):
      ICMPv6Message.other(type: 143, code: 0, rest: UInt32(records)).write(into: &out, at: start)
    }
  }

  private static func write(
    _ type: UInt8, _ group: IPv6Address, into out: inout MutableRawSpan, at start: Int
  ) {
    ICMPv6Message.other(type: type, code: 0, rest: 0).write(into: &out, at: start)
    out.store(group, at: start &+ ICMPv6Message.encodedCount)
  }

  /// Writes exactly twenty octets.
  public static func writeRecord(
    _ kind: GroupRecordKind, _ group: IPv6Address, into out: inout MutableRawSpan, at start: Int
  ) {
    out.store32be(UInt32(kind.rawValue) << 24, at: start)
    out.store(group, at: start &+ 4)
  }
}
