import MartletTCP
import MartletWire

/// Whom a limit takes for one: an address of IPv4; a network of 64 bits of IPv6, whose owner has all the
/// addresses in it. Neighbours share theirs with others, so each of them is one by its whole address, and with
/// a link-local one, of either family, by its link as well.
struct Source: BitwiseCopyable, Equatable {
  /// First, because those of IPv4 differ here.
  private var low: UInt64
  private var high: UInt64
  /// The zone, and above it which of the three this is; 0: nobody.
  private var kind: UInt32

  static var nobody: Source { Source(high: 0, low: 0, kind: 0) }

  /// By the whole address.
  init(_ address: IPAddress, zone: UInt16) {
    switch address {
    case .v4(let a): self.init(high: 0, low: UInt64(a.bits), kind: 4 << 16 | UInt32(zone))
    case .v6(let a): self.init(high: a.high, low: a.low, kind: 6 << 16 | UInt32(zone))
    }
  }

  /// By the network; of IPv4 too by the address.
  init(networkOf address: IPAddress) {
    switch address {
    case .v4: self.init(address, zone: 0)
    case .v6(let a): self.init(high: a.high, low: 0, kind: 7 << 16)
    }
  }

  private init(high: UInt64, low: UInt64, kind: UInt32) {
    self.high = high
    self.low = low
    self.kind = kind
  }

  func hash(_ key: SipKey) -> UInt64 { SipHash.hash13(key, high ^ UInt64(kind), low) }
}

extension Routing {
  /// Whom limits take for one with `address`, in the zone of its flow.
  func source(_ address: IPAddress, zone: UInt16) -> Source {
    if address.isIPv4 || zone > 0 || isNeighbour(address) { return Source(address, zone: zone) }
    return Source(networkOf: address)
  }

  /// Whether the address lies in a network that we are on: one of an address of ours, or one that is said to be on
  /// the link (RFC 5942 §4), by a router or by the application.
  private func isNeighbour(_ address: IPAddress) -> Bool {
    for i in addresses.indices where addresses[i].prefix.contains(address) { return true }
    for i in routes.indices where routes[i].prefix.contains(address) { return routes[i].leadsToStations }
    return false
  }
}
