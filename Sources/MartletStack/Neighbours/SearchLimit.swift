import MartletTCP

/// For what somebody is looked for; the later ones matter more, and have some of the limits to themselves.
enum SearchWish: UInt8, BitwiseCopyable, Comparable {
  /// To answer whoever may have asked: anybody can ask in any neighbour's name.
  case answer
  /// For a datagram of the application.
  case datagram
  /// For a connection. Gateways are looked for likewise, whatever is for them: they are few.
  case connection

  static func < (a: SearchWish, b: SearchWish) -> Bool { a.rawValue < b.rawValue }
}

/// Searches for hosts that nobody may have: a limit on what strangers can make us ask a whole link. Each link has its
/// own.
struct SearchLimit: BitwiseCopyable {
  private let perSecond: UInt32
  private var left: UInt32
  private var filled = Instant.origin

  init(perSecond: UInt32) {
    self.perSecond = perSecond
    left = perSecond
  }

  /// A second's worth at once. Answers leave half of it to what we want ourselves, datagrams a quarter to connections.
  mutating func take(for wish: SearchWish, at now: Instant) -> Bool {
    let passed = now.since(filled).nanoseconds / 1_000_000
    if passed > 0 {
      let gained = UInt64(truncatingIfNeeded: min(passed, 1_000)) &* UInt64(perSecond) / 1_000
      if gained > 0 {
        left = UInt32(truncatingIfNeeded: min(UInt64(left) &+ gained, UInt64(perSecond)))
        filled = now
      }
    }
    let kept =
      switch wish {
      case .answer: perSecond / 2
      case .datagram: perSecond / 4
      case .connection: 0 as UInt32
      }
    guard left > kept else { return false }
    left &-= 1
    return true
  }
}
