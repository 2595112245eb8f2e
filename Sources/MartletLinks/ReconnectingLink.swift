import MartletStack
import MartletTCP
import SystemPackage

/// A link that outlives its device: where that goes away it is made again, as often as it takes, and what the stack has to send
/// waits.
///
/// ```swift
/// let link = try ReconnectingLink(try TUNLink(terms), again: { () throws(LinkError) in try TUNLink(terms) })
/// ```
///
/// Connections go on over the new device if their peers are still behind it, and if it is back before they give up.
public struct ReconnectingLink<Base: Link & ~Copyable>: Link, ~Copyable {
  public let name: String
  public let mtu: Int
  public let largestPacket: Int
  public let medium: Medium
  public let offload: InterfaceConfiguration.Offload
  /// Why there is no device now: what ended the last one, or the last try. Nil: there is one.
  public private(set) var failure: LinkError?

  private var base: Base?
  private let timer: LinkTimer?
  private let pause: TimeAmount
  private let again: (@Sendable () throws(LinkError) -> Base)?
  private let onChange: @Sendable (LinkError?) -> Void
  private var nextTry = Instant.origin
  /// Of devices that went away.
  private var past = LinkCounters()

  /// - Parameters:
  ///   - base: the device as it is now.
  ///   - pause: between two tries; at least a millisecond.
  ///   - onChange: told why the device went away, why it cannot be made again whenever that is another reason than before, and
  ///     nil when it is back.
  ///   - again: makes the device anew; called by whoever drives the link. One that carries less than the first, by its MTU, its
  ///     medium or what it does in the stack's place, counts as none. Nil: this link ends with its device.
  public init(
    _ base: consuming Base, pause: TimeAmount = .seconds(1),
    onChange: @escaping @Sendable (LinkError?) -> Void = { _ in },
    again: (@Sendable () throws(LinkError) -> Base)?
  ) throws(LinkError) {
    let timer: LinkTimer? = again == nil ? nil : try LinkTimer()
    (name, mtu, largestPacket) = (base.name, base.mtu, base.largestPacket)
    (medium, offload) = (base.medium, base.offload)
    self.timer = timer
    self.base = consume base
    self.pause = max(pause, .milliseconds(1))
    self.onChange = onChange
    self.again = again
  }

  public var readiness: FileDescriptor? {
    switch base {
    case .some(let base): base.readiness
    case .none: waitingDescriptor
    }
  }

  private var waitingDescriptor: FileDescriptor? {
    switch timer {
    case .some(let timer): timer.descriptor
    case .none: nil
    }
  }

  public var roomSignal: RoomSignal {
    switch base {
    case .some(let base): base.roomSignal
    case .none: .readable
    }
  }

  public var counters: LinkCounters {
    switch base {
    case .some(let base): past + base.counters
    case .none: past
    }
  }

  public mutating func receive(
    limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
  ) throws(LinkError) -> Int {
    if failure != nil { connect(now) }
    do throws(LinkError) {
      return try base?.receive(limit: limit, now: now, deliver) ?? 0
    } catch {
      try lose(error, now)
      return 0
    }
  }

  public mutating func send(
    limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
  ) throws(LinkError) -> SendOutcome {
    do throws(LinkError) {
      return try base?.send(limit: limit, now: now, fill) ?? .full
    } catch {
      try lose(error, now)
      return .full
    }
  }

  private mutating func lose(_ error: LinkError, _ now: Instant) throws(LinkError) {
    guard again != nil else { throw error }
    past = counters
    // Closed: from here on others may have its descriptor's number.
    base = nil
    wait(error, now)
  }

  private mutating func wait(_ error: LinkError, _ now: Instant) {
    if failure != error { onChange(error) }
    failure = error
    nextTry = now.advanced(by: pause)
    setTimer(pause.nanoseconds)
  }

  private func setTimer(_ nanoseconds: Int64) {
    switch timer {
    case .some(let timer): timer.set(nanoseconds)
    case .none: break
    }
  }

  private mutating func connect(_ now: Instant) {
    guard let again, now >= nextTry else { return }
    do throws(LinkError) {
      let found = try again()
      try check(found)
      base = consume found
    } catch {
      return wait(error, now)
    }
    failure = nil
    past.returns &+= 1
    setTimer(0)
    onChange(nil)
  }

  /// The stack knows the first.
  private func check(_ found: borrowing Base) throws(LinkError) {
    guard found.mtu >= mtu, found.largestPacket >= largestPacket else {
      throw LinkError(
        .badMTU, "\(found.name) is back with an MTU of \(found.mtu), not \(mtu). Give it the one that it had."
      )
    }
    guard found.medium == medium, found.offload.isSuperset(of: offload) else {
      throw LinkError(
        .unsupported, "\(found.name) is back as another kind of device. Make it again as it was.")
    }
  }
}

extension ReconnectingLink: Sendable where Base: Sendable & ~Copyable {}
