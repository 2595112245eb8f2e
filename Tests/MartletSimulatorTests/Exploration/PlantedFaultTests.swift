import MartletSimulator
import MartletTCP
import MartletWire
import Testing

/// The explorer explored: it finds what is wrong, and shows the way there.
@Suite struct PlantedFaultTests {
  private func counterexample(_ fault: PlantedFault, octets: UInt8 = 1) throws -> Counterexample {
    var bounds = ExplorationBounds()
    bounds.capacity = 1
    bounds.octets = octets
    bounds.fault = fault
    bounds.drops = fault == .ignoresTimerOutput || fault == .endsEarly ? 1 : 0
    bounds.duplicates = fault == .readsTwice ? 1 : 0
    bounds.timeouts = 0
    bounds.triesForgeries = fault == .believesAnyReset
    if fault == .endsEarly {
      bounds.capacity = 2
      bounds.closing = .close
    }
    var explorer = Explorer(bounds)
    while explorer.explore(states: 10_000) == .going, explorer.states < 300_000 {}
    let found = explorer.counterexample
    return try #require(found)
  }

  @Test("a FIN's acknowledgment that is overlooked is found, and drawn")
  func forgottenFin() throws {
    let found = try counterexample(.forgetsAcknowledgedFin, octets: 0)
    let text = found.text()
    #expect(text.contains("FIN"))
    #expect(text.contains("closes") || text.contains("shuts"))
    #expect(found.actions.count < 12, "the shortest way: \(text)")
  }

  @Test("a FIN-WAIT-2 that is left out is found as two states that may not face each other")
  func skippedState() throws {
    let found = try counterexample(.skipsFinWait2, octets: 0)
    #expect(
      found.violation == .pair(.timeWait, .closeWait) || found.violation == .pair(.closeWait, .timeWait),
      "\(found.text())")
  }

  @Test("a reset that need not fit is found by a forged one")
  func blindReset() throws {
    let found = try counterexample(.believesAnyReset, octets: 0)
    guard case .forgeryWorks = found.violation else {
      Issue.record("\(found.text())")
      return
    }
    #expect(found.text().contains("RST"))
  }

  @Test("text that is read again is found as an octet that nobody sent there")
  func readAgain() throws {
    let found = try counterexample(.readsTwice)
    guard case .wrongOctet = found.violation else {
      Issue.record("\(found.text())")
      return
    }
  }

  @Test("a timer whose segment does not leave is found: on a fair link somebody gives up")
  func silentTimer() throws {
    let found = try counterexample(.ignoresTimerOutput, octets: 0)
    switch found.violation {
    case .givesUp, .deadlock, .neverCloses, .onesided, .invariant: break
    default: Issue.record("\(found.text())")
    }
  }

  @Test("a FIN without a timer is found as a broken invariant")
  func forgottenTimer() throws {
    let found = try counterexample(.forgetsRetransmissionTimer, octets: 0)
    guard case .invariant = found.violation else {
      Issue.record("\(found.text())")
      return
    }
  }

  @Test("an end of stream that comes before the text does is found")
  func earlyEnd() throws {
    let found = try counterexample(.endsEarly)
    guard case .endsEarly(let read, let sent) = found.violation else {
      Issue.record("\(found.text())")
      return
    }
    #expect(read < sent)
  }

  @Test("which states may face each other is the same from both sides")
  func symmetry() {
    for a in TCPState.allCases {
      for b in TCPState.allCases { #expect(a.mayFace(b) == b.mayFace(a), "\(a) \(b)") }
    }
  }
}
