import MartletTCP

/// A bound of the whole stack that can be moved while it runs.
public enum StackLimit: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  /// `StackConfiguration.connectionLimit`.
  case connections
  /// `StackConfiguration.halfOpenLimit`.
  case halfOpen
  /// `StackConfiguration.timeWaitLimit`.
  case timeWait
  /// `StackConfiguration.memoryBudget`, in octets.
  case memoryBudget
  /// `StackConfiguration.recorderCapacity`: records of the flight recorder; 0 switches it off.
  case recorder
}

/// Why a limit stays where it is.
public enum LimitError: Error, Equatable, Sendable {
  /// It makes no sense, or is more than any stack can have.
  case outOfRange
  /// More than that is held: let connections end first.
  case belowHeld
  /// The memory budget refused.
  case budget
}

extension NetworkStack {
  /// What a limit is at.
  public func limit(_ limit: StackLimit) -> UInt64 {
    switch limit {
    case .connections: UInt64(configuration.connectionLimit)
    case .halfOpen: UInt64(configuration.halfOpenLimit)
    case .timeWait: UInt64(configuration.timeWaitLimit)
    case .memoryBudget: UInt64(clamping: around.budget.limit)
    case .recorder: UInt64(around.recorder.capacity)
    }
  }

  /// Moves a limit. What there is too much of stays until it ends by itself; nothing more is taken in meanwhile. As when
  /// a stack is made, numbers are lowered to what the memory budget has room for; a budget that is raised raises none
  /// of them. Returns what the limit is at now.
  @discardableResult
  public mutating func setLimit(_ limit: StackLimit, to value: UInt64) throws(LimitError) -> UInt64 {
    var wanted = configuration
    switch limit {
    case .connections: wanted.connectionLimit = try Self.number(value, atMost: 1 << 30)
    case .halfOpen: wanted.halfOpenLimit = try Self.number(value, atMost: 1 << 24)
    case .timeWait: wanted.timeWaitLimit = try Self.number(value, atMost: 1 << 24)
    case .memoryBudget: wanted.memoryBudget = try budget(value)
    case .recorder: wanted.recorderCapacity = try recorder(value)
    }
    configuration = wanted.fitted
    return self.limit(limit)
  }

  /// Zero would be a stack that takes nobody in, and is no way to say so.
  private static func number(_ value: UInt64, atMost most: UInt32) throws(LimitError) -> UInt32 {
    guard value > 0, value <= UInt64(most) else { throw .outOfRange }
    return UInt32(truncatingIfNeeded: value)
  }

  private mutating func budget(_ value: UInt64) throws(LimitError) -> Int {
    guard let octets = Int(exactly: value), octets >= StackConfiguration.leastMemoryBudget else {
      throw .outOfRange
    }
    guard around.budget.setLimit(octets) else { throw .belowHeld }
    return octets
  }

  /// Another recorder, which is empty; its records are counted from zero again.
  private mutating func recorder(_ value: UInt64) throws(LimitError) -> UInt32 {
    guard value <= 1 << 24 else { throw .outOfRange }
    var wanted = configuration
    wanted.recorderCapacity = UInt32(truncatingIfNeeded: value)
    let fresh = FlightRecorder(capacity: wanted.fitted.recorderCapacity)
    let (old, new) = (around.recorder.heldBytes, fresh.heldBytes)
    guard new <= old || around.budget.take(new &- old) else { throw .budget }
    if new < old { around.budget.give(old &- new) }
    baseCharge = baseCharge &- old &+ new
    around.recorder = fresh
    return around.recorder.capacity
  }

  /// Moves the limits of a listener; nil leaves one as it is. What it has too many of stays.
  public mutating func setLimits(
    of id: ListenerID, halfOpen: UInt32? = nil, acceptable: UInt32? = nil, connections: UInt32? = nil,
    synCookies: SynCookiePolicy? = nil
  ) throws(HandleError) {
    guard let l = listeners.index(of: id) else { throw .stale }
    var options = listeners[l].options
    if let halfOpen { options.halfOpenLimit = halfOpen }
    if let acceptable { options.acceptLimit = acceptable }
    if let connections { options.connectionLimit = connections }
    if let synCookies { options.synCookies = synCookies }
    listeners[l].options = configuration.fitted(options)
  }
}
