import MartletTCP
import MartletWire

/// A connection's slot: its TCB, and what the engine needs beside it.
struct Connection: BitwiseCopyable {
  // The order keeps the record free of padding.
  var tcb: TCB
  var marks: Marks
  /// It sticks to the interface it started on.
  var interface: UInt16
  /// Tenths of a second that `close` waits for; `Connection.background`: any time.
  var linger: UInt16
  /// Of an IPv6 flow, `local` is the index of its key in `NetworkStack.keys6`.
  var key: IPv4FlowKey
  /// The next connection that may have something to send; see `Interface.senders`.
  var nextSender = IndexList.none
  /// The next connection with news, or, before it is accepted, the next in the accept queue.
  var nextEvent = IndexList.none
  /// Its cold block; none while it is idle.
  var cold = IndexList.none
  /// When text last came, in units of 256 ms; kept where there is an idle limit.
  var lastText: UInt16 = 0
  var origin = Origin.application
  /// What has not been told yet.
  var news: Readiness = []
  var hopLimit: UInt8
  var dscp: UInt8

  struct Marks: OptionSet, BitwiseCopyable {
    var rawValue: UInt8
    /// The application has the handle.
    static var owned: Marks { Marks(rawValue: 1) }
    /// It waits to be accepted.
    static var inBacklog: Marks { Marks(rawValue: 2) }
    /// The flow table has it.
    static var onWire: Marks { Marks(rawValue: 4) }
    /// In a list of senders.
    static var isSender: Marks { Marks(rawValue: 8) }
    /// In the list of events.
    static var hasEvent: Marks { Marks(rawValue: 16) }
    static var isV6: Marks { Marks(rawValue: 32) }
    /// Over and released; its slot goes when the last list lets go of it.
    static var isDead: Marks { Marks(rawValue: 64) }
    /// Opened by a peer, not yet told to be connected.
    static var passive: Marks { Marks(rawValue: 128) }
  }

  static var background: UInt16 { .max }

  /// It counts for a listener from now on.
  @inline(__always)
  mutating func begin(_ origin: Origin, at now: Instant) {
    self.origin = origin
    lastText = UInt16(truncatingIfNeeded: now.milliseconds >> 8)
  }

  var isIPv4: Bool { !marks.contains(.isV6) }
}

extension Slab where Record == Connection {
  /// The slot of a handle that the application has.
  @inline(__always)
  func index(of id: ConnectionID) -> UInt32? {
    let i = id.handle.index
    return contains(id.handle) && self[i].marks.contains(.owned) ? i : nil
  }

  /// Both ends of a connection.
  @inline(__always)
  func flow(of i: UInt32, _ keys6: borrowing Slab<IPv6FlowKey>) -> Flow {
    self[i].isIPv4 ? self[i].key.flow : keys6[self[i].key.local].flow
  }
}

extension Linger {
  /// Tenths of a second, rounded up.
  var deciseconds: UInt16 {
    switch self {
    case .background: return Connection.background
    case .atMost(let time):
      let tenths = (UInt64(time.timerMilliseconds) &+ 99) / 100
      return UInt16(truncatingIfNeeded: min(tenths, UInt64(Connection.background &- 1)))
    }
  }

  init(deciseconds: UInt16) {
    self =
      deciseconds == Connection.background
      ? .background : .atMost(.milliseconds(Int64(deciseconds) &* 100))
  }
}
