import MartletWire

extension IPPrefix {
  package var isIPv6: Bool {
    if case .v6 = address { return true }
    return false
  }

  /// The address for the other side of a point-to-point link: the next one after this within
  /// the prefix, from the start again after the end, that is not in `taken`. Skips what no
  /// host may have: IPv4's network and broadcast addresses (RFC 1122 §3.2.1.3, but RFC 3021
  /// for /31) and IPv6's subnet-router anycast address (RFC 4291 §2.6.1, but RFC 6164 for /127).
  /// At most 65,536 are tried. The prefix keeps its length.
  public func nextFreeAddress(taken: [IPAddress] = []) throws(LinkError) -> IPPrefix {
    let width: UInt8 = isIPv6 ? 128 : 32
    guard length < width else {
      throw LinkError(
        .addressInUse,
        "\(self) has one address, and the stack takes it. "
          + "Give a shorter prefix, or name the kernel's address with --kernel-address.")
    }
    let hostBits = min(width &- length, 64)  // beyond 2^64 hosts the lower half is room enough
    let mask = hostBits == 64 ? UInt64.max : 1 << UInt64(hostBits) &- 1
    var host = lowHalf
    for _ in 0..<65_536 {
      host = (host & ~mask) | ((host &+ 1) & mask)
      let candidate = replacing(lowHalf: host)
      if candidate == address { break }
      let isFirst = host & mask == 0
      let isLast = host & mask == mask
      let reserved = hostBits > 1 && (isFirst || (isLast && !isIPv6))
      if !reserved && !taken.contains(candidate) { return IPPrefix(candidate, length: length) }
    }
    throw LinkError(
      .addressInUse, "No address is free in \(self.network). Name the kernel's address with --kernel-address."
    )
  }

  /// The kernel's addresses opposite to a stack that has `own`: one in each network of them.
  public static func kernelSide(of own: [IPPrefix]) throws(LinkError) -> [IPPrefix] {
    var networks: [IPPrefix] = []
    var result: [IPPrefix] = []
    for prefix in own where !networks.contains(prefix.network) {
      networks.append(prefix.network)
      result.append(try prefix.nextFreeAddress(taken: (own + result).map(\.address)))
    }
    return result
  }

  private var lowHalf: UInt64 {
    switch address {
    case .v4(let v4): UInt64(v4.bits)
    case .v6(let v6): v6.low
    }
  }

  private func replacing(lowHalf: UInt64) -> IPAddress {
    switch address {
    case .v4: .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: lowHalf)))
    case .v6(let v6): .v6(IPv6Address(high: v6.high, low: lowHalf))
    }
  }
}
