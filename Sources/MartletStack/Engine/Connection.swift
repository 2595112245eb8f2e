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

  /// Whatever it was, a handshake over IPv4 makes it a connection of a listener. True: it has a timer.
  @inline(__always)
  mutating func open(
    _ unopened: borrowing Connection, _ key: IPv4FlowKey, on interface: InterfaceID,
    _ accepted: AcceptedHandshake, _ terms: HandshakeTerms, at now: Instant
  ) -> Bool {
    self = copy unopened
    self.key = key
    self.interface = interface.rawValue
    lastText = UInt16(truncatingIfNeeded: now.milliseconds >> 8)
    return tcb.accept(accepted, terms, now: now)
  }

  /// It counts for a listener from now on.
  @inline(__always)
  mutating func begin(_ origin: Origin, at now: Instant) {
    self.origin = origin
    lastText = UInt16(truncatingIfNeeded: now.milliseconds >> 8)
  }

  var isIPv4: Bool { !marks.contains(.isV6) }
}

extension Connection {
  /// One of a listener that nobody has opened yet.
  init(unopened options: ConnectionOptions, _ configuration: TCPConfiguration) {
    self.init(
      tcb: TCB(unopened: options, configuration), marks: [.onWire, .inBacklog, .passive], interface: 0,
      linger: options.linger.deciseconds, key: IPv4FlowKey(local: 0, remote: 0, localPort: 0, remotePort: 0),
      hopLimit: options.hopLimit, dscp: options.dscp)
  }
}

extension Slab where Record == Connection {
  /// The slot of a handle that the application has.
  @inline(__always)
  func index(of id: ConnectionID) -> UInt32? {
    let i = id.handle.index
    return contains(id.handle) && self[i].marks.contains(.owned) ? i : nil
  }

  /// Both ends of a connection. The key of IPv4 has no room for a zone, but the connection is on its interface.
  @inline(__always)
  func flow(of i: UInt32, _ keys6: borrowing Slab<IPv6FlowKey>) -> Flow {
    guard self[i].isIPv4 else { return keys6[self[i].key.local].flow }
    var flow = self[i].key.flow
    if IPv4Address(bits: self[i].key.remote).isLinkLocal {
      flow.zone = InterfaceID(rawValue: self[i].interface).zone
    }
    return flow
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
