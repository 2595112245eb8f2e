public import MartletTCP
import MartletWire

/// What a router does besides forwarding.
public struct RouterConditions: Equatable, BitwiseCopyable, Sendable {
  /// Whether it answers what nobody can be given (RFC 1812 §5.2.7.1).
  public var tellsUnreachable = true
  /// Whether it answers what has gone too far (RFC 1812 §5.3.1).
  public var tellsTimeExceeded = true
  /// Whether it answers, with host unreachable, what it would send into a link that is cut. Most cuts are further
  /// away than the next wire, and nobody tells.
  public var tellsOfCuts = false
  /// Least time between two of its answers (RFC 1812 §4.3.2.8); zero: no limit.
  public var errorInterval = TimeAmount.zero

  public init() {}
}

/// What a router or switch has done.
public struct RelayCounts: Equatable, BitwiseCopyable, Sendable {
  public var forwarded: UInt64 = 0
  /// Packets that were for nobody it knows a way to.
  public var unreachable: UInt64 = 0
  /// Packets whose time to live ended here.
  public var expired: UInt64 = 0
  /// Packets that were no IP, or had a wrong header checksum, or were for the router itself.
  public var discarded: UInt64 = 0
  /// ICMP errors sent.
  public var errors: UInt64 = 0
}

/// A router or a switch: it has ports and no stack.
struct Relay {
  let isRouter: Bool
  /// A port's interface number is its place here.
  var ports: [Attachment] = []
  /// A router's addresses at each port.
  var addresses: [AddressPair] = []
  /// Of a switch: which network it and those that are joined to it are, and how many addresses are given out.
  var network = 0
  var conditions = RouterConditions()
  var counts = RelayCounts()
  /// False: everything that comes vanishes.
  var isRunning = true
  /// The port that leads to each node, by `Simulation.place(of:)`; -1: none.
  var nextPorts: [Int] = []
  private var nextError = Instant.origin

  init(isRouter: Bool) { self.isRouter = isRouter }

  /// Whether it may send one more ICMP error now.
  mutating func mayComplain(now: Instant) -> Bool {
    guard now >= nextError else { return false }
    if conditions.errorInterval > .zero { nextError = now.advanced(by: conditions.errorInterval) }
    counts.errors &+= 1
    return true
  }
}

/// An address of each family.
struct AddressPair: BitwiseCopyable {
  var v4: IPv4Address
  var v6: IPv6Address
  /// Bits of the network in `v4`; in `v6` it is 64.
  var length: UInt8

  /// The n-th link: 10.0.n.0/24 and fd00:7:0:n::/64, and on with 10.1.0.0/24.
  static func link(_ link: Int, host: Int) -> AddressPair {
    AddressPair(
      v4: IPv4Address(10, UInt8(truncatingIfNeeded: link >> 8), octet(link), octet(host)),
      v6: IPv6Address(high: 0xfd00_0007_0000_0000 | UInt64(link), low: UInt64(host)), length: 24)
  }

  /// The n-th switch: 10.128.0.0/16, fd00:7:1:0::/64, and on with 10.129.0.0/16.
  static func broadcastDomain(_ network: Int, host: Int) -> AddressPair {
    AddressPair(
      v4: IPv4Address(10, 128 | octet(network), octet(host >> 8), octet(host)),
      v6: IPv6Address(high: 0xfd00_0007_0001_0000 | UInt64(network), low: UInt64(host)), length: 16)
  }

  /// The hop inside a link that finds packets too big: nobody can be reached there.
  static func hop(inside link: Int) -> AddressPair {
    AddressPair(
      v4: IPv4Address(10, 64 | octet(link >> 8), octet(link), 254),
      v6: IPv6Address(high: 0xfd00_0007_0002_0000 | UInt64(link), low: 254), length: 24)
  }

  private static func octet(_ number: Int) -> UInt8 { UInt8(truncatingIfNeeded: number) }

  /// The same as the stack's configuration wants them.
  var prefixes: [IPPrefix] {
    [IPPrefix(.v4(v4), length: length), IPPrefix(.v6(v6), length: 64)]
  }
}
