/// The option that has each router look at a packet that is not for it (RFC 2113, RFC 2711). What hosts and routers
/// say to each other of groups bears it, and what does not is not believed (RFC 3376 §9.1, RFC 3810 §6.2).
public enum RouterAlert {
  /// Octets of an IPv4 header with it alone.
  @inlinable public static var ipv4HeaderCount: Int { 24 }
  /// Octets of a hop-by-hop header with it alone.
  @inlinable public static var hopByHopCount: Int { 8 }

  /// Writes exactly 24 octets: a header of IPv4, whose total length counts them, and the option.
  public static func write(_ header: IPv4Header, into out: inout MutableRawSpan, at start: Int) {
    header.write(into: &out, at: start)
    out.store8(0x46, at: start)
    out.store32be(0x9404_0000, at: start &+ IPv4Header.encodedCount)
    out.store16be(0, at: start &+ IPv4Header.checksumOffset)
    var sum = InternetChecksum()
    sum.add(out.checksum(from: start, count: ipv4HeaderCount))
    out.store16be(sum.field, at: start &+ IPv4Header.checksumOffset)
  }

  /// Writes exactly eight octets: a hop-by-hop header with the option, and two of padding.
  public static func writeHopByHop(
    before next: IPProtocol, into out: inout MutableRawSpan, at start: Int
  ) {
    out.store64be(UInt64(next.rawValue) << 56 | 0x0502_0000_0100, at: start)
  }

  public static func isIn(_ packet: borrowing IPv4HeaderView) -> Bool {
    let options = packet.options
    var offset = 0
    while offset < options.byteCount {
      let kind = options.u8(offset)
      if kind == 0 { return false }
      if kind == 1 {
        offset &+= 1
        continue
      }
      guard options.byteCount &- offset >= 2 else { return false }
      let length = Int(options.u8(offset &+ 1))
      guard length >= 2, length <= options.byteCount &- offset else { return false }
      // RFC 2113 §2.1: of the values, 0 alone is given out.
      if kind == 0x94 { return length == 4 && options.be16(offset &+ 2) == 0 }
      offset &+= length
    }
    return false
  }

  public static func isIn(_ packet: borrowing IPv6HeaderView) -> Bool {
    let bytes = packet.payload
    guard packet.nextHeader == .hopByHop, bytes.byteCount >= 8 else { return false }
    let end = Int(bytes.u8(1)) &* 8 &+ 8
    guard end <= bytes.byteCount else { return false }
    var offset = 2
    while offset < end {
      let kind = bytes.u8(offset)
      if kind == 0 {
        offset &+= 1
        continue
      }
      guard end &- offset >= 2 else { return false }
      let length = 2 &+ Int(bytes.u8(offset &+ 1))
      guard length <= end &- offset else { return false }
      // RFC 2711 §2.1: 0 means MLD.
      if kind == 5 { return length == 4 && bytes.be16(offset &+ 2) == 0 }
      offset &+= length
    }
    return false
  }
}
