public import MartletTCP
import MartletTrace

/// Every schedule of a connection, breadth first, on the real code.
///
///     var explorer = Explorer(ExplorationBounds())
///     while explorer.explore(states: 10_000) == .going {}
///     if let counterexample = explorer.counterexample { print(counterexample.text()) }
///
/// Two ends and a link are a value. From each value everything that may happen is tried on a copy: any segment on
/// the link arrives, is lost, arrives twice or damaged; a timer fires; an application sends, closes either half or
/// aborts. What results is a state of its own if nothing like it was seen before; its fingerprint says so. The first
/// state in which a property fails ends the exploration, and breadth first means that no shorter way leads to one.
///
/// A state that waits to be explored takes two kilooctets or more. When as many wait as `ExplorationBounds.mostWaiting`
/// says, the newest go first, which adds few: that covers the same states in another order, and the way to a
/// counterexample may then be a longer one.
public struct Explorer: ~Copyable {
  public enum Status: Equatable, Sendable {
    /// There are states that were not explored yet.
    case going
    /// All that the bounds allow was explored, and every property holds.
    case complete
    /// A property failed: see `counterexample`.
    case violated
  }

  public let bounds: ExplorationBounds
  public private(set) var status = Status.going
  public private(set) var counterexample: Counterexample?
  /// Different states.
  public private(set) var states = 0
  /// Things that were tried.
  public private(set) var transitions = 0
  /// Steps from the start to the states that are explored now.
  public private(set) var depth = 0

  private var ground: ExplorationGround
  private var seen = FingerprintTable()
  private var fair = FairContinuations()
  private var forgeries = Forgeries()
  private var frontier: [WaitingWorld] = []
  private var next: [WaitingWorld] = []
  /// The first state of `frontier` that is not explored yet.
  private var place = 0
  /// How each state was reached first: from which, and by what.
  private var parents: [UInt32] = []
  private var causes: [UInt16] = []
  /// By `TCPState.rawValue` of left and right.
  private var pairs: [Bool]

  public init(_ bounds: ExplorationBounds) {
    self.bounds = bounds
    ground = ExplorationGround(bounds)
    pairs = [Bool](repeating: false, count: TCPState.allCases.count &* TCPState.allCases.count)
    meet(ExploredWorld(bounds), from: 0, ExploredAction(.open, .left))
    swap(&frontier, &next)
  }

  /// Explores up to so many states more.
  public mutating func explore(states limit: Int) -> Status {
    var left = limit
    while status == .going, left > 0 {
      if waiting > bounds.mostWaiting, let newest = next.popLast() {
        expand(newest)
      } else {
        if place == frontier.count { nextLevel() }
        guard status == .going else { break }
        expand(frontier[place])
        place &+= 1
      }
      left &-= 1
    }
    return status
  }

  /// States that are known and not explored yet.
  public var waiting: Int { frontier.count &- place &+ next.count }

  /// Octets of the tables: fingerprints, ways there, and waiting states without what they point to.
  public var heldBytes: Int {
    seen.heldBytes &+ fair.heldBytes &+ forgeries.heldBytes &+ parents.count &* 6
      &+ waiting &* MemoryLayout<WaitingWorld>.stride
  }

  /// Whether the two ends were seen in these states at the same time.
  public func hasSeen(_ left: TCPState, _ right: TCPState) -> Bool {
    pairs[Int(left.rawValue) &* TCPState.allCases.count &+ Int(right.rawValue)]
  }

  private mutating func nextLevel() {
    place = 0
    frontier = []
    swap(&frontier, &next)
    if frontier.isEmpty { status = .complete } else { depth &+= 1 }
  }

  private mutating func expand(_ waiting: WaitingWorld) {
    for action in waiting.world.actions(bounds) {
      var result = waiting.world
      transitions &+= 1
      result.apply(action, &ground)
      meet(result, from: waiting.number, action)
      if status == .violated { return }
    }
  }

  /// Takes a state in, if it is new, and looks whether every property holds in it.
  private mutating func meet(_ world: ExploredWorld, from parent: Int, _ action: ExploredAction) {
    let isNew = seen.insert(world.fingerprint(capacity: Int(bounds.capacity)))
    guard isNew || ground.violation != nil else { return }
    parents.append(UInt32(truncatingIfNeeded: parent))
    causes.append(action.code)
    states &+= isNew ? 1 : 0
    notePair(world.left.state, world.right.state)
    var forged: Forgery?
    var continued: FairApplications?
    if ground.violation == nil, bounds.triesFairness { continued = fair.attempt(world, &ground) }
    if ground.violation == nil, bounds.triesForgeries { forged = forgeries.attempt(world, &ground) }
    if let violation = ground.violation {
      status = .violated
      counterexample = Counterexample(
        bounds, way(to: parents.count &- 1), violation, forged: forged, continued: continued)
    } else {
      next.append(WaitingWorld(world: world, number: parents.count &- 1))
    }
  }

  private mutating func notePair(_ left: TCPState, _ right: TCPState) {
    pairs[Int(left.rawValue) &* TCPState.allCases.count &+ Int(right.rawValue)] = true
    // The mirror image of a world is the same one.
    guard bounds.role == .simultaneous else { return }
    pairs[Int(right.rawValue) &* TCPState.allCases.count &+ Int(left.rawValue)] = true
  }

  /// The actions that lead from the start to a state.
  private func way(to state: Int) -> [ExploredAction] {
    var actions: [ExploredAction] = []
    var number = state
    while number > 0, let action = ExploredAction(code: causes[number]) {
      actions.append(action)
      number = Int(parents[number])
    }
    return actions.reversed()
  }
}

/// A state that is known and not explored yet.
private struct WaitingWorld {
  var world: ExploredWorld
  /// Its place in `parents`.
  var number: Int
}
