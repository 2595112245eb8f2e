#if os(Linux)
  import CMartletSystem
  import MartletWire

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// An address that the kernel has on an interface.
  struct AssignedAddress {
    let interface: String
    let prefix: IPPrefix

    /// Those of the calling thread's network namespace.
    static func all() -> [AssignedAddress] {
      var first: UnsafeMutablePointer<ifaddrs>?
      guard getifaddrs(&first) == 0 else { return [] }
      defer { freeifaddrs(first) }
      var all: [AssignedAddress] = []
      var next = first
      while let entry = next?.pointee {
        next = entry.ifa_next
        guard let address = octets(entry.ifa_addr), let mask = octets(entry.ifa_netmask),
          let prefix = IPPrefix(address, mask)
        else { continue }
        all.append(AssignedAddress(interface: String(cString: entry.ifa_name), prefix: prefix))
      }
      return all
    }

    /// Whether the kernel could not tell this from `other` on another interface: the same address,
    /// or the same network, which would be reached through both.
    func rivals(_ other: IPPrefix) -> Bool {
      guard prefix.address.isIPv4 == other.address.isIPv4, !prefix.address.isLinkLocal else { return false }
      let width: UInt8 = other.isIPv6 ? 128 : 32
      return prefix.address == other.address || (prefix.network == other.network && other.length < width)
    }

    /// 4 or 16 octets in network order; nil: neither IPv4 nor IPv6.
    private static func octets(_ address: UnsafeMutablePointer<sockaddr>?) -> [UInt8]? {
      guard let address else { return nil }
      let raw = UnsafeRawPointer(address)
      switch Int32(address.pointee.sa_family) {
      case AF_INET:
        return withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
      case AF_INET6:
        return withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
      default: return nil
      }
    }
  }

  extension IPPrefix {
    /// An address and its mask, in network order.
    fileprivate init?(_ address: [UInt8], _ mask: [UInt8]) {
      guard address.count == mask.count else { return nil }
      let length = UInt8(mask.reduce(0) { $0 + $1.nonzeroBitCount })
      func half(_ octets: ArraySlice<UInt8>) -> UInt64 { octets.reduce(0) { $0 << 8 | UInt64($1) } }
      if address.count == 4 {
        self.init(.v4(IPv4Address(bits: UInt32(half(address[...])))), length: length)
      } else {
        self.init(.v6(IPv6Address(high: half(address[..<8]), low: half(address[8...]))), length: length)
      }
    }
  }
#endif
