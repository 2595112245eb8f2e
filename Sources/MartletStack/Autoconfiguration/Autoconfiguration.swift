import MartletTCP
import MartletWire

/// What routers have said (RFC 4861 §6.3, RFC 4862 §5.5), on all links that may be told so. Everything in it runs out,
/// and there is room for so much of it and no more: whoever sends router advertisements may send any number.
struct Autoconfiguration {
  static var routerLimit: Int { 8 }
  static var prefixLimit: Int { 16 }
  /// Ways to networks elsewhere, all routers together.
  static var wayLimit: Int { 16 }
  /// Addresses made of prefixes, on one interface.
  static var addressLimit: Int { 16 }
  /// Beside them, those that have made room for others and of which the application has not heard that they are gone.
  static var unheardLimit: Int { 4 }
  static var heldLimit: Int { addressLimit &+ unheardLimit }

  /// Ways to everybody else, and to networks.
  var ways: [LearnedWay] = []
  var prefixes: [OnLinkPrefix] = []

  /// Interfaces that are charged: for all that the limits allow them, from the first lesson on.
  private(set) var charged = 0

  /// Octets charged.
  var heldBytes: Int { charged == 0 ? 0 : Self.sharedBytes &+ charged &* Self.interfaceBytes }

  /// Routers and networks on all links together. An array may have room for twice of what is in it.
  private static var sharedBytes: Int {
    let ways = (routerLimit &+ wayLimit) &* MemoryLayout<LearnedWay>.stride
    let prefixes = prefixLimit &* MemoryLayout<OnLinkPrefix>.stride
    let routes = 2 &* (prefixLimit &+ wayLimit &+ 1) &* MemoryLayout<Route>.stride
    return ways &+ prefixes &+ routes
  }

  /// The addresses of one interface, each written down twice, and those that are gone.
  private static var interfaceBytes: Int {
    2 &* heldLimit &* MemoryLayout<OwnAddress>.stride
      &+ 2 &* addressLimit &* MemoryLayout<InterfaceAddress>.stride
  }

  /// One more interface. False: there is no room.
  mutating func charge(_ budget: inout MemoryBudget) -> Bool {
    guard budget.take(Self.interfaceBytes &+ (charged == 0 ? Self.sharedBytes : 0)) else { return false }
    charged &+= 1
    return true
  }

  /// One less.
  mutating func giveBack(_ budget: inout MemoryBudget) {
    charged &-= 1
    budget.give(Self.interfaceBytes &+ (charged == 0 ? Self.sharedBytes : 0))
  }
}

/// A router, and whom it leads to: everybody who is not on the link, or a network (RFC 4191 §2.3).
struct LearnedWay: BitwiseCopyable {
  var prefix: IPPrefix
  var router: IPAddress
  var interface: InterfaceID
  /// RFC 4191 §2.1: the higher the better.
  var preference: Int8
  var expires: Instant
  /// It did not answer when it was asked, and has said nothing since (RFC 4861 §6.3.6).
  var isSilent = false

  static var everybody: IPPrefix { IPPrefix(.v6(.any), length: 0) }
}

/// A network whose hosts are neighbours.
struct OnLinkPrefix: BitwiseCopyable {
  var prefix: IPPrefix
  var interface: InterfaceID
  /// Who told of it.
  var router: IPAddress
  var expires: Instant
}

/// How often an interface has asked for routers.
struct RouterSearch: BitwiseCopyable {
  var tries: UInt8 = 0
  /// Nil: it does not ask.
  var deadline: Instant?

  /// RFC 4861 §10.
  static var most: UInt8 { 3 }
  static var interval: TimeAmount { .seconds(4) }
}

extension Instant {
  /// So many seconds from now; all ones mean that there is no end.
  func advanced(bySeconds seconds: UInt32) -> Instant {
    seconds == .max ? .distant : advanced(by: .seconds(Int64(seconds)))
  }

  static var distant: Instant { Instant(nanoseconds: .max) }
}
