import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// What becomes of a flow, as far as its segments tell.
@Suite("What became of a flow")
struct FlowSummaryTests {
  private struct Flow {
    var table = FlowTable()
    var passage = Passage()
    var now: Int64 = 0

    mutating func pass(
      _ side: Side, _ flags: TCPFlags = [], seq: UInt32, ack: UInt32? = nil, text: UInt32 = 0
    ) {
      now += 1_000
      let segment = passage.segment(side, flags, seq: seq, ack: ack, text: text)
      _ = table.take(segment, at: Exchange.time(now))
    }

    mutating func open() {
      pass(.left, .syn, seq: 0)
      pass(.right, .syn, seq: 0, ack: 1)
      pass(.left, seq: 1, ack: 1)
    }

    var summary: FlowSummary { table.flows[0] }
    var fate: FlowFate { summary.fate }
  }

  private func flow(isOpen: Bool = false, _ passes: (inout Flow) -> Void) -> Flow {
    var flow = Flow()
    if isOpen { flow.open() }
    passes(&flow)
    return flow
  }

  @Test("Unanswered, half-open, refused, open")
  func beginnings() {
    #expect(flow { $0.pass(.left, .syn, seq: 0) }.fate == .unanswered)
    var asked = flow {
      $0.pass(.left, .syn, seq: 0)
      $0.pass(.right, .syn, seq: 0, ack: 1)
    }
    #expect(asked.fate == .halfOpen)
    asked.pass(.left, seq: 1, ack: 1)
    #expect(asked.fate == .open)
    let refused = flow {
      $0.pass(.left, .syn, seq: 0)
      $0.pass(.right, .rst, seq: 0, ack: 1)
    }
    #expect(refused.fate == .refused)
  }

  @Test("A client that gives its SYN up by a reset was refused by nobody")
  func givenUp() {
    let flow = flow {
      $0.pass(.left, .syn, seq: 0)
      $0.pass(.left, .rst, seq: 1)
    }
    #expect(flow.fate == .reset(.left))
  }

  @Test("A reset of either side, the first of them, and none after the close is complete")
  func resets() {
    for side in Side.allCases {
      var reset = flow(isOpen: true) { $0.pass(side, .rst, seq: 1) }
      #expect(reset.fate == .reset(side))
      reset.pass(side.other, .rst, seq: 1)
      #expect(reset.fate == .reset(side))
    }
    let late = flow(isOpen: true) {
      $0.pass(.left, .fin, seq: 1, ack: 1)
      $0.pass(.right, .fin, seq: 1, ack: 2)
      $0.pass(.left, seq: 2, ack: 2)
      $0.pass(.right, .rst, seq: 2)
    }
    #expect(late.fate == .closed)
  }

  @Test(
    "One FIN is one side's, two that are acknowledged are a close, with the last acknowledgment missing none",
    arguments: Side.allCases)
  func closes(side: Side) {
    var close = flow(isOpen: true) { $0.pass(side, .fin, seq: 1, ack: 1) }
    #expect(close.fate == .oneSideClosed(side))
    close.pass(side.other, seq: 1, ack: 2)
    #expect(close.fate == .oneSideClosed(side))
    close.pass(side.other, .fin, seq: 1, ack: 2)
    #expect(close.fate == .closing && !close.summary.isSimultaneousClose)
    close.pass(side, seq: 2, ack: 1)
    #expect(close.fate == .closing, "that does not acknowledge the FIN")
    close.pass(side, seq: 2, ack: 2)
    #expect(close.fate == .closed)
  }

  @Test("FINs that cross are a simultaneous close, SYNs that cross a simultaneous open")
  func crossed() {
    let flow = flow {
      $0.pass(.left, .syn, seq: 0)
      $0.pass(.right, .syn, seq: 0)
      #expect($0.summary.isSimultaneousOpen)
      $0.pass(.left, .syn, seq: 0, ack: 1)
      $0.pass(.right, .syn, seq: 0, ack: 1)
      $0.pass(.left, .fin, seq: 1, ack: 1)
      $0.pass(.right, .fin, seq: 1, ack: 1)
      $0.pass(.left, seq: 2, ack: 2)
      $0.pass(.right, seq: 2, ack: 2)
    }
    #expect(flow.summary.isSimultaneousClose && flow.fate == .closed)
    #expect(!self.flow(isOpen: true) { _ in }.summary.isSimultaneousOpen)
  }

  @Test("A flow without a beginning is open, and closes like others")
  func middle() {
    var flow = flow { $0.pass(.right, seq: 900, ack: 500, text: 100) }
    #expect(flow.summary.beginsInMiddle && flow.fate == .open)
    flow.pass(.left, .fin, seq: 500, ack: 1_000)
    flow.pass(.right, .fin, seq: 1_000, ack: 501)
    flow.pass(.left, seq: 501, ack: 1_001)
    #expect(flow.fate == .closed && flow.table.count == 1)
  }

  @Test("Ports that are used again begin a new connection, whose fate counts")
  func portsUsedAgain() {
    var flow = flow(isOpen: true) { $0.pass(.left, .rst, seq: 1) }
    #expect(flow.fate == .reset(.left))
    flow.passage.clientISS &+= 100_000
    flow.passage.serverISS &+= 100_000
    flow.open()
    #expect(flow.fate == .open && flow.table.count == 1)
    #expect(flow.summary.count(of: .portsUsedAgain) == 1)
  }

  @Test(
    "Segments, octets, findings and times are counted, by side where they have one; a wrap of numbers is none"
  )
  func counts() {
    let flow = flow(isOpen: true) {
      $0.pass(.left, seq: 1, ack: 1, text: 100)
      $0.pass(.left, seq: 101, ack: 1, text: 50)
      $0.pass(.left, seq: 1, ack: 1, text: 100)
      $0.pass(.right, seq: 1, ack: 151, text: 7)
    }
    let summary = flow.summary
    #expect(summary.segments == (5, 2) && summary.octets == (250, 7))
    #expect(summary.count(of: .outOfOrder) == 1 && summary.count(of: .gap) == 0)
    #expect(summary.count(of: [.outOfOrder, .gap]) == 1)
    #expect(summary.last.since(summary.first) == .milliseconds(6))
  }

  @Test("Each fate has words in both languages, no two the same")
  func words() {
    let fates: [FlowFate] = [
      .unanswered, .halfOpen, .refused, .open, .oneSideClosed(.left), .oneSideClosed(.right), .closing,
      .closed,
      .reset(.left), .reset(.right),
    ]
    for language in Language.allCases {
      #expect(Set(fates.map { $0.text(language) }).count == fates.count)
    }
  }

  @Test("Why a reset was sent, from where it stands")
  func resetCauses() {
    let refused = flow {
      $0.pass(.left, .syn, seq: 0)
      $0.pass(.right, .rst, seq: 0, ack: 1)
    }
    #expect(refused.summary.resetCause == .nobodyListens)
    // The number of a reset that answers an acknowledgment is that acknowledgment's.
    let halfOpen = flow(isOpen: true) {
      $0.pass(.left, .psh, seq: 1, ack: 1, text: 10)
      $0.pass(.right, .rst, seq: 1)
    }
    #expect(halfOpen.summary.resetCause == .unknownConnection && halfOpen.fate == .reset(.right))
    let deaf = flow(isOpen: true) {
      $0.pass(.right, .fin, seq: 1, ack: 1)
      $0.pass(.left, .psh, seq: 1, ack: 2, text: 10)
      $0.pass(.right, .rst, seq: 2)
    }
    #expect(deaf.summary.resetCause == .readsNoMore)
    let aborted = flow(isOpen: true) {
      $0.pass(.left, .psh, seq: 1, ack: 1, text: 10)
      $0.pass(.left, .rst, seq: 11, ack: 1)
    }
    #expect(aborted.summary.resetCause == .aborts && aborted.fate == .reset(.left))
    let guessed = flow(isOpen: true) { $0.pass(.left, .rst, seq: 5_000) }
    #expect(guessed.summary.resetCause == .elsewhere)
    // Whatever comes later does not change why it ended.
    let twice = flow(isOpen: true) {
      $0.pass(.left, .rst, seq: 1, ack: 1)
      $0.pass(.right, .rst, seq: 77)
    }
    #expect(twice.summary.resetCause == .aborts)
    #expect(flow(isOpen: true) { $0.pass(.left, seq: 1, ack: 1) }.summary.resetCause == nil)
  }
}
