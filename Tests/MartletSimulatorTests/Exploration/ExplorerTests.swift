import MartletSimulator
import MartletTCP
import MartletWire
import Testing

/// Slices of what `Tools/explore` explores, small enough for every run.
@Suite struct ExplorerTests {
  private func bounds(
    _ role: ExplorationRole, capacity: UInt8 = 2, octets: UInt8 = 0, drops: UInt8 = 0, duplicates: UInt8 = 0,
    timeouts: UInt8 = 0, closing: ClosingCalls = .either
  ) -> ExplorationBounds {
    var bounds = ExplorationBounds()
    bounds.closing = closing
    bounds.role = role
    bounds.capacity = capacity
    bounds.octets = octets
    bounds.drops = drops
    bounds.duplicates = duplicates
    bounds.timeouts = timeouts
    return bounds
  }

  /// Explores to the end and says why if that is not reached.
  private func explore(_ bounds: ExplorationBounds) -> ExplorationSummary {
    var explorer = Explorer(bounds)
    while explorer.explore(states: 10_000) == .going, explorer.states < 1_000_000 {}
    #expect(explorer.status == .complete, "\(explorer.counterexample?.text() ?? "no end")")
    return ExplorationSummary(explorer)
  }

  @Test(
    "every schedule of open and close without losses holds every property",
    arguments: ExplorationRole.allCases)
  func openAndClose(_ role: ExplorationRole) {
    let summary = explore(bounds(role))
    #expect(summary.states > 100)
  }

  @Test("every schedule with one loss and one time-out does", arguments: ExplorationRole.allCases)
  func oneLoss(_ role: ExplorationRole) {
    let summary = explore(bounds(role, capacity: 1, drops: 1, timeouts: 1, closing: .close))
    #expect(summary.states > 1_000)
  }

  @Test("every schedule with an octet each way does", arguments: ExplorationRole.allCases)
  func oneOctet(_ role: ExplorationRole) {
    let summary = explore(bounds(role, capacity: 1, octets: 1, closing: .shut))
    #expect(summary.states > 1_000)
  }

  @Test("every schedule with one old duplicate does", arguments: ExplorationRole.allCases)
  func oneDuplicate(_ role: ExplorationRole) {
    let summary = explore(bounds(role, capacity: 1, duplicates: 1, closing: .close))
    #expect(summary.states > 100)
  }

  @Test("a damaged segment, an abort and a deaf reader do no more harm than a lost segment does")
  func otherHarm() {
    var bounds = bounds(.passive, capacity: 1, closing: .close)
    bounds.corruptions = 1
    bounds.aborts = 1
    bounds.deafReaders = 1
    _ = explore(bounds)
  }

  @Test("every state of RFC 9293 is seen, simultaneous open and close among them")
  func everyState() {
    let passive = explore(bounds(.passive))
    let simultaneous = explore(bounds(.simultaneous))
    for state in TCPState.allCases where state != .listen {
      #expect(
        TCPState.allCases.contains { passive.pairs[state, $0] || simultaneous.pairs[state, $0] }, "\(state)")
    }
    #expect(passive.pairs[.closing, .closing], "simultaneous close")
    #expect(passive.pairs[.timeWait, .timeWait])
    #expect(simultaneous.pairs[.synReceived, .synReceived], "simultaneous open")
    #expect(!passive.pairs[.established, .timeWait])
  }

  @Test("states do not depend on where the sequence numbers begin, nor on where they wrap")
  func relativeNumbers() {
    var counts: [Int] = []
    for iss in [UInt32(0), 0x7fff_fffe, 0xffff_fffe, 12_345] {
      var bounds = bounds(.passive, capacity: 1, octets: 1, duplicates: 1, closing: .close)
      bounds.leftISS = SequenceNumber(iss)
      bounds.rightISS = SequenceNumber(iss &+ 0x8000_0000)
      bounds.triesForgeries = false
      bounds.triesFairness = false
      counts.append(explore(bounds).states)
    }
    #expect(Set(counts).count == 1, "\(counts)")
  }

  @Test("the same bounds give the same states, in the same order")
  func repeatable() {
    let bounds = bounds(.simultaneous)
    #expect(explore(bounds).text == explore(bounds).text)
  }
}

/// What an exploration came to.
struct ExplorationSummary {
  struct Pairs {
    fileprivate var seen: [[Bool]]

    /// Either way round.
    subscript(a: TCPState, b: TCPState) -> Bool {
      seen[Int(a.rawValue)][Int(b.rawValue)] || seen[Int(b.rawValue)][Int(a.rawValue)]
    }
  }

  let states: Int
  let text: String
  let pairs: Pairs

  init(_ explorer: borrowing Explorer) {
    states = explorer.states
    text = "\(explorer.states) \(explorer.transitions) \(explorer.depth)"
    var seen: [[Bool]] = []
    for left in TCPState.allCases {
      var row: [Bool] = []
      for right in TCPState.allCases { row.append(explorer.hasSeen(left, right)) }
      seen.append(row)
    }
    pairs = Pairs(seen: seen)
  }
}
