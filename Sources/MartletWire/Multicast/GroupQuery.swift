/// What a querier asks the hosts of a link: which groups they are in. IGMP and MLD ask the same (RFC 3376 §4.1,
/// RFC 3810 §5.1); a version of MLD counts as the one of IGMP that it was made from.
@frozen
public struct GroupQuery: Equatable, BitwiseCopyable, Sendable {
  public var version: GroupProtocolVersion
  /// Nil: all groups are asked for.
  public var group: IPAddress?
  /// Milliseconds within which hosts are to answer.
  public var maximumResponse: UInt32
  /// How often everything is said, as the querier has it; 0: it does not tell.
  public var robustness: UInt8
  /// Seconds between the querier's general questions; 0: it does not tell.
  public var interval: UInt32
  /// Of how many sources of the group it asks.
  public var sourceCount: UInt16

  /// Reads an IGMP message. Nil: it is no query, or one of impossible length or group.
  public init?(parsingIGMP bytes: RawSpan) {
    guard bytes.byteCount >= IGMPMessage.encodedCount, bytes.u8(0) == 0x11 else { return nil }
    let code = bytes.u8(1)
    let address = bytes.ipv4Address(4)
    guard address.isMulticast || address.isUnspecified else { return nil }
    group = address.isUnspecified ? nil : .v4(address)
    (robustness, interval, sourceCount) = (0, 0, 0)
    // RFC 3376 §7.1: versions are told apart by length and code.
    if bytes.byteCount == 8 {
      version = code == 0 ? .first : .second
      // RFC 2236 §4: who does not say how long means ten seconds.
      maximumResponse = code == 0 ? 10_000 : UInt32(code) &* 100
      return
    }
    guard bytes.byteCount >= 12 else { return nil }
    version = .third
    maximumResponse = Self.seconds(code) &* 100
    robustness = bytes.u8(8) & 7
    interval = Self.seconds(bytes.u8(9))
    sourceCount = bytes.be16(10)
    guard Int(sourceCount) &* 4 <= bytes.byteCount &- 12 else { return nil }
  }

  /// Reads an ICMPv6 message, from its type on. Nil: it is no query, or one of impossible length or group.
  public init?(parsingMLD bytes: RawSpan) {
    guard bytes.byteCount >= 24, bytes.u8(0) == 130 else { return nil }
    let code = bytes.be16(4)
    let address = bytes.ipv6Address(8)
    guard address.isMulticast || address.isUnspecified else { return nil }
    group = address.isUnspecified ? nil : .v6(address)
    (robustness, interval, sourceCount) = (0, 0, 0)
    // RFC 3810 §8.1.
    if bytes.byteCount == 24 {
      version = .second
      maximumResponse = UInt32(code)
      return
    }
    guard bytes.byteCount >= 28 else { return nil }
    version = .third
    maximumResponse = Self.milliseconds(code)
    robustness = bytes.u8(24) & 7
    interval = Self.seconds(bytes.u8(25))
    sourceCount = bytes.be16(26)
    guard Int(sourceCount) &* 16 <= bytes.byteCount &- 28 else { return nil }
  }

  /// RFC 3376 §4.1.1, §4.1.7: from 128 on, three bits of exponent and four of mantissa.
  private static func seconds(_ code: UInt8) -> UInt32 {
    if code < 128 { return UInt32(code) }
    return (UInt32(code) & 0xf | 0x10) << (UInt32(code) >> 4 & 7 &+ 3)
  }

  /// RFC 3810 §5.1.3: from 32,768 on, three bits of exponent and twelve of mantissa.
  private static func milliseconds(_ code: UInt16) -> UInt32 {
    if code < 32_768 { return UInt32(code) }
    return (UInt32(code) & 0xfff | 0x1000) << (UInt32(code) >> 12 & 7 &+ 3)
  }
}

/// Versions of IGMP; the first of MLD is the second of IGMP in other clothes, the second the third.
@frozen
public enum GroupProtocolVersion: UInt8, Comparable, BitwiseCopyable, Sendable {
  /// RFC 1112.
  case first = 1
  /// RFC 2236; RFC 2710.
  case second
  /// RFC 3376; RFC 3810.
  case third

  @inlinable
  public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
