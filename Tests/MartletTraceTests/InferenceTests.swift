import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// What the segments alone demand of both ends.
@Suite struct InferenceTests {
  /// Both states after each observation, sender first, as `FIN-WAIT-1 CLOSE-WAIT`.
  private func states(_ exchange: Exchange) -> [String] {
    let inferred = exchange.ladder.inferred
    return zip(inferred.senders, inferred.receivers).map { sender, receiver in
      (sender?.text(.rfc) ?? "?") + " " + (receiver?.text(.rfc) ?? "?")
    }
  }

  private func closing(_ exchange: Exchange) -> [String] { [String](states(exchange).dropFirst(3)) }

  private func opened() throws -> Exchange {
    var exchange = Exchange()
    try exchange.open()
    return exchange
  }

  @Test("S2.1 S2.2 S2.3 S2.4 three-segment open")
  func open() throws {
    let exchange = try opened()
    #expect(exchange.ladder.inferred.initialLeft == .closed)
    #expect(exchange.ladder.inferred.initialRight == .listen)
    #expect(
      states(exchange) == [
        "SYN-SENT SYN-RECEIVED", "SYN-RECEIVED ESTABLISHED", "ESTABLISHED ESTABLISHED",
      ])
  }

  @Test("S2.3 S2.4 a wrong ack establishes nothing, its RST closes nothing")
  func wrongAcknowledgment() throws {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 77)
    try exchange.send(.left, .rst, seq: 77)
    #expect(exchange.ladder.inferred.left == .synSent)

    exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 1)
    try exchange.send(.left, [], seq: 1, ack: 500)
    try exchange.send(.right, .rst, seq: 500)
    #expect(exchange.ladder.inferred.right == .synReceived)
  }

  @Test(
    "A reset that some systems take and others challenge leaves the state open, until its receiver sends something"
  )
  func doubtfulReset() throws {
    // With the number of the FIN, as the answer to what was sent before the FIN came.
    var exchange = try opened()
    try exchange.send(.right, .fin, seq: 1, ack: 1)
    try exchange.send(.left, [], seq: 1, ack: 2)
    #expect(exchange.ladder.inferred.left == .closeWait)
    try exchange.send(.right, .rst, seq: 1)
    #expect(exchange.ladder.inferred.left == nil)
    try exchange.send(.left, [], seq: 1, ack: 2)
    #expect(exchange.ladder.inferred.left == .closeWait)
    try exchange.send(.right, .rst, seq: 2)
    #expect(exchange.ladder.inferred.left == .closed)

    // Behind text past a hole; elsewhere nobody takes it.
    for (seq, expected) in [(UInt32(201), TCPState?.none), (200, .established), (101, .established)] {
      exchange = try opened()
      try exchange.send(.right, [], seq: 101, ack: 1, text: 100)
      try exchange.send(.left, [], seq: 1, ack: 1)
      try exchange.send(.right, .rst, seq: seq)
      #expect(exchange.ladder.inferred.left == expected)
    }
  }

  @Test("Changes of state are told in their order, each from the one before, and end where the states end")
  func changes() throws {
    var exchange = try opened()
    try exchange.send(.left, .fin, seq: 1, ack: 1)
    try exchange.send(.right, .fin, seq: 1, ack: 2)
    try exchange.send(.left, [], seq: 2, ack: 2)
    let changes = exchange.ladder.inferredChanges
    let expected: [(Side, TCPState)] = [
      (.left, .synSent), (.right, .synReceived), (.left, .established), (.right, .established),
      (.left, .finWait1),
      (.right, .closeWait), (.right, .lastAck), (.left, .timeWait), (.right, .closed),
    ]
    #expect(changes.map(\.side).elementsEqual(expected.map(\.0)))
    #expect(changes.map(\.new).elementsEqual(expected.map(\.1)))
    for side in Side.allCases {
      let own = changes.filter { $0.side == side }
      #expect(own.first?.old == (side == .left ? .closed : .listen))
      #expect(zip(own, own.dropFirst()).allSatisfy { $0.new == $1.old })
    }
    for (change, next) in zip(changes, changes.dropFirst()) {
      #expect(change.time <= next.time)
      guard change.time < next.time else { continue }
      #expect(exchange.ladder.inferredState(of: change.side, at: change.time) == change.new)
    }
  }

  @Test("S2.7 simultaneous open, whether or not the arrivals are known", arguments: [Int64?.none, 10_000])
  func simultaneousOpen(delay: Int64?) throws {
    let inferred = try Scenario.simultaneousOpen(delay: delay).ladder.inferred
    #expect(inferred.initialLeft == .closed && inferred.initialRight == .closed)
    #expect(inferred.senders[0] == .synSent && inferred.senders[1] == .synSent)
    #expect(inferred.senders[2] == .synReceived && inferred.senders[3] == .synReceived)
    #expect(inferred.left == .established && inferred.right == .established)
  }

  @Test("S4.2 S4.3 four segments, either side first", arguments: Side.allCases)
  func fourSegments(first: Side) throws {
    var exchange = try opened()
    try exchange.send(first, .fin, seq: 1, ack: 1)
    try exchange.send(first.other, [], seq: 1, ack: 2)
    try exchange.send(first.other, .fin, seq: 1, ack: 2)
    try exchange.send(first, [], seq: 2, ack: 2)
    #expect(
      closing(exchange) == [
        "FIN-WAIT-1 CLOSE-WAIT", "CLOSE-WAIT FIN-WAIT-2", "LAST-ACK TIME-WAIT", "TIME-WAIT CLOSED",
      ])
  }

  @Test("S4.4 FIN and ACK in one segment: straight to TIME-WAIT", arguments: Side.allCases)
  func threeSegments(first: Side) throws {
    var exchange = try opened()
    try exchange.send(first, .fin, seq: 1, ack: 1)
    try exchange.send(first.other, .fin, seq: 1, ack: 2)
    try exchange.send(first, [], seq: 2, ack: 2)
    #expect(
      closing(exchange) == ["FIN-WAIT-1 CLOSE-WAIT", "LAST-ACK TIME-WAIT", "TIME-WAIT CLOSED"])
  }

  @Test("S4.5 simultaneous close, either side first, from a capture", arguments: Side.allCases)
  func simultaneous(first: Side) throws {
    var exchange = try opened()
    try exchange.send(first, .fin, seq: 1, ack: 1)
    try exchange.send(first.other, .fin, seq: 1, ack: 1)
    try exchange.send(first, [], seq: 2, ack: 2)
    try exchange.send(first.other, [], seq: 2, ack: 2)
    let inferred = exchange.ladder.inferred
    #expect(inferred.senders[3] == .finWait1 && inferred.senders[4] == .finWait1)
    #expect(inferred.receivers[3] == .closing && inferred.receivers[4] == .closing)
    #expect(inferred.left == .timeWait && inferred.right == .timeWait)
  }

  @Test("S4.6 half-close: data goes on until the second FIN")
  func halfClose() throws {
    let exchange = try Scenario.halfClose()
    #expect(
      states(exchange).suffix(5) == [
        "CLOSE-WAIT FIN-WAIT-2", "CLOSE-WAIT FIN-WAIT-2", "FIN-WAIT-2 CLOSE-WAIT", "LAST-ACK TIME-WAIT",
        "TIME-WAIT CLOSED",
      ])
  }

  @Test("S4.6 a FIN behind a hole counts only when the hole is filled")
  func finPastHole() throws {
    var exchange = try opened()
    exchange.delay = 1
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 100, isLost: true)
    try exchange.send(.left, .fin, seq: 101, ack: 1)
    try exchange.send(.right, [], seq: 1, ack: 1)
    #expect(exchange.ladder.inferred.right == .established)
    try exchange.send(.left, .psh, seq: 1, ack: 1, text: 100)
    #expect(exchange.ladder.inferred.right == .closeWait)
    try exchange.send(.right, [], seq: 1, ack: 102)
    #expect(exchange.ladder.inferred.left == .finWait2)
  }

  @Test("S4.7 a lost last ACK leaves LAST-ACK until the FIN is answered again")
  func lostLastAck() throws {
    var exchange = try opened()
    try exchange.send(.left, .fin, seq: 1, ack: 1)
    try exchange.send(.right, .fin, seq: 1, ack: 2)
    try exchange.send(.left, [], seq: 2, ack: 2, isLost: true)
    #expect(exchange.ladder.inferred.right == .lastAck)
    try exchange.send(.right, .fin, seq: 1, ack: 2, after: 200_000)
    #expect(exchange.ladder.inferred.left == .timeWait)
    try exchange.send(.left, [], seq: 2, ack: 2)
    #expect(exchange.ladder.inferred.right == .closed)
  }

  @Test("S4.3 FIN with the third segment")
  func finWithThird() throws {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 1)
    try exchange.send(.left, .fin, seq: 1, ack: 1, text: 10)
    #expect(states(exchange).last == "FIN-WAIT-1 CLOSE-WAIT")
  }

  @Test("S4.8 a SYN beyond the old incarnation opens the next out of TIME-WAIT")
  func reuse() throws {
    let inferred = try Scenario.reuse().ladder.inferred
    #expect(inferred.receivers[6] == .synReceived)
    #expect(inferred.left == .established && inferred.right == .established)
  }

  @Test("S5.1 refused: the SYN went to no listener")
  func refused() throws {
    let inferred = try Scenario.refused().ladder.inferred
    #expect(inferred.initialRight == .closed)
    #expect(inferred.left == .closed && inferred.right == .closed)
  }

  @Test("S5.6 only a RST at exactly RCV.NXT resets")
  func resets() throws {
    var exchange = try opened()
    try exchange.send(.right, .psh, seq: 1, ack: 1, text: 10)
    var forged = exchange
    try forged.send(.right, .rst, seq: 20)
    #expect(forged.ladder.inferred.left == .established)
    try exchange.send(.right, .rst, seq: 11, ack: 1)
    #expect(exchange.ladder.inferred.left == .closed && exchange.ladder.inferred.right == .closed)
  }

  @Test("a RST returns a listener's half-open entry to LISTEN")
  func resetOfHalfOpen() throws {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.right, .syn, seq: 0, ack: 1)
    try exchange.send(.left, .rst, seq: 1)
    #expect(exchange.ladder.inferred.right == .listen)
  }

  @Test("a capture that begins in the middle") func middle() throws {
    var exchange = Exchange()
    try exchange.send(.right, .psh, seq: 900, ack: 500, text: 100)
    #expect(exchange.ladder.inferred.left == .established && exchange.ladder.inferred.right == .established)
    try exchange.send(.left, .fin, seq: 500, ack: 1_000)
    try exchange.send(.right, .fin, seq: 1_000, ack: 501)
    try exchange.send(.left, [], seq: 501, ack: 1_001)
    #expect(exchange.ladder.inferred.left == .timeWait && exchange.ladder.inferred.right == .closed)
  }

  @Test("an unanswered SYN says nothing about the other end") func unanswered() throws {
    var exchange = Exchange()
    try exchange.send(.left, .syn, seq: 0)
    try exchange.send(.left, .syn, seq: 0, after: 1_000_000)
    #expect(exchange.ladder.inferred.left == .synSent && exchange.ladder.inferred.right == nil)
  }

  @Test("known and inferred states are compared") func comparison() throws {
    var exchange = try Scenario.knownToBothEnds()
    #expect(exchange.ladder.mismatches().isEmpty)
    #expect(exchange.ladder.inferredState(of: .right, at: Exchange.time(24_999)) == .established)
    #expect(exchange.ladder.inferredState(of: .left, at: Exchange.time(30_000)) == .timeWait)

    exchange = try opened()
    try exchange.send(.left, .fin, seq: 1, ack: 1)
    exchange.ladder.know(KnownTransition(.right, .listen, .synReceived, at: Exchange.time(10)))
    exchange.ladder.know(KnownTransition(.right, .synReceived, .established, at: Exchange.time(30)))
    let found = exchange.ladder.mismatches()
    #expect(
      found == [StateMismatch(observation: 3, side: .right, inferred: .closeWait, known: .established)])
  }

  @Test("states noted with the segments themselves") func notedStates() throws {
    var exchange = try opened()
    var noted = Ladder(left: Exchange.client, right: Exchange.server)
    let states: [(TCPState, TCPState)] = [
      (.synSent, .synReceived), (.synReceived, .established), (.established, .established),
    ]
    for (seen, state) in zip(exchange.ladder.observations, states) {
      var seen = seen
      seen.senderState = state.0
      seen.receiverState = state.1
      noted.add(seen)
    }
    exchange.ladder = noted
    #expect(noted.mismatches().isEmpty)
    #expect(!noted.text().contains("*"))
  }
}
