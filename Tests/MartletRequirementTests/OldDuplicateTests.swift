import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// S2.8 and S2.11: what the third segment, and numbers that move on, protect from.
/// The old segments are ones that an earlier connection really sent.
@Suite struct OldDuplicateTests {
  /// Without timestamps: PAWS would protect as well, and hide what the numbers do.
  private func twoStacks(_ family: ScenarioFamily) -> TwoStacks {
    TwoStacks(family) { $0.tcp.timestamps = false }
  }

  /// Opens, closes from a, and lets 2·MSL pass: both ends forget. Returns a's SYN.
  private func pastIncarnation(_ w: TwoStacks) throws -> WireSegment {
    try w.open()
    let syn = w.log[0]
    #expect(syn.flags == .syn)
    try end(w)
    return syn
  }

  private func end(_ w: TwoStacks) throws {
    try w.close(w.a)
    try w.deliverAll()
    try w.close(w.b)
    try w.deliverAll()
    w.run(.seconds(61))
    #expect(w.a.stack.held.isQuiet && w.b.stack.held.isQuiet)
    w.a.isAtEnd = false
    w.b.isAtEnd = false
    w.forgetLog()
  }

  // MARK: S2.8

  @Test(
    "S2.8 a SYN of a former connection comes late: the SYN-ACK is answered by a RST, nothing is established",
    arguments: ScenarioFamily.allCases)
  func lateSYN(_ family: ScenarioFamily) throws {
    let w = twoStacks(family)
    let old = try pastIncarnation(w)
    w.inject(old)
    #expect(w.state(w.b) == .synReceived)
    // a knows nothing of it.
    try w.deliver()
    #expect(w.arrows == ["b S.", "a R"])
    #expect(w.log[1].header.seq == w.log[0].header.ack)
    try w.deliver()
    #expect(w.state(w.b) == .listen)
    #expect(w.b.accepted.count == 1, "only the former connection")
    #expect(w.b.received.isEmpty)
    #expect(w.b.stack.held.isQuiet)
    #expect(w.inFlight.isEmpty)
  }

  @Test(
    "S2.8 a late SYN whose sender is gone: the third segment never comes, and at 63 s nothing is left",
    .bothFamilies)
  func lateSYNFromNobody() throws {
    let w = twoStacks(.ipv4)
    let old = try pastIncarnation(w)
    w.inject(old)
    for wait: Int64 in [0, 1, 2, 4, 8, 16] {
      w.wait(.seconds(wait))
      #expect(try w.lose().flags == [.syn, .ack])
    }
    #expect(w.state(w.b) == .synReceived)
    w.wait(.seconds(32))
    #expect(w.inFlight.isEmpty)
    #expect(w.state(w.b) == .listen)
    #expect(w.b.accepted.count == 1)
    #expect(w.b.stack.held.isQuiet)
  }

  @Test(
    "S2.8 Figure 9: the late SYN overtakes the new one; the wrong ack earns a RST, then the new one connects",
    arguments: ScenarioFamily.allCases)
  func figure9(_ family: ScenarioFamily) throws {
    let w = twoStacks(family)
    let old = try pastIncarnation(w)
    try w.connect(w.a)
    let new = try w.lose()  // held back, not lost
    #expect(new.header.seq != old.header.seq)
    w.inject(old)
    #expect(w.state(w.b) == .synReceived)
    let answer = try w.deliver()
    #expect(answer.flags == [.syn, .ack] && answer.header.ack == old.header.seq.advanced(by: 1))
    #expect(w.state(w.a) == .synSent)
    let reset = try w.deliver()
    #expect(reset.flags == .rst && reset.header.seq == answer.header.ack)
    #expect(w.state(w.b) == .listen)
    w.inject(new)
    try w.deliverAll()
    #expect(w.state(w.a) == .established && w.state(w.b) == .established)
    #expect(w.b.accepted.count == 2)
  }

  @Test(
    "S2.8 the new SYN finds the late one's half-open entry: the ACK it earns brings a RST, then it connects",
    .bothFamilies
  )
  func newSYNMeetsOld() throws {
    let w = twoStacks(.ipv4)
    let old = try pastIncarnation(w)
    try w.connect(w.a)
    let new = try w.lose()
    w.inject(old)
    try w.lose()  // the SYN-ACK for the old one
    w.inject(new)
    #expect(w.state(w.b) == .synReceived)
    #expect(w.b.accepted.count == 1)
    try w.deliverAll()
    w.run(.seconds(4))
    #expect(w.state(w.a) == .established && w.state(w.b) == .established)
    #expect(w.b.accepted.count == 2)
  }

  @Test(
    "S2.8 late SYN and late text of a former connection: no connection, and none of the text", .bothFamilies)
  func lateSYNAndText() throws {
    let w = twoStacks(.ipv4)
    try w.open()
    let syn = w.log[0]
    w.send(scriptText(0..<100), from: w.a)
    let text = try #require(w.log.last)
    #expect(text.text.count == 100)
    try w.deliverAll()
    try end(w)
    w.b.received = []
    w.inject(syn)
    // Its ack is of the former SYN-ACK: an ACK, but not of this one.
    w.inject(text)
    #expect(w.arrows == ["b S.", "b R"])
    #expect(w.state(w.b) == .synReceived)
    #expect(w.b.accepted.count == 1 && w.b.received.isEmpty)
    try w.deliverAll()
    #expect(w.state(w.b) == .listen)
  }

  // MARK: S2.11

  /// The second incarnation of the same four-tuple begins `later`; then a segment of text of the first
  /// one arrives once more. What b reads.
  private func readAfterLateText(_ w: TwoStacks, later: TimeAmount) throws -> [UInt8] {
    let begin = w.now
    try w.open()
    w.send(Array("old".utf8), from: w.a)
    let old = try #require(w.log.last)
    #expect(old.text == Array("old".utf8))
    try w.deliverAll()
    try end(w)
    #expect(w.b.received == Array("old".utf8))
    w.b.received = []

    w.run(later.subtracting(w.now.since(begin)))
    try w.open()
    #expect(w.state(w.b) == .established)
    #expect(w.b.accepted.count == 2)
    w.inject(old)
    try w.deliverAll()
    #expect(w.state(w.a) == .established && w.state(w.b) == .established)
    return w.b.received
  }

  @Test(
    "S2.11 late text of a former connection is not delivered into a new one on the same ports",
    arguments: ScenarioFamily.allCases, [70, 3_600, 17_179] as [Int64])
  func lateTextIsNotDelivered(_ family: ScenarioFamily, _ seconds: Int64) throws {
    let w = twoStacks(family)
    #expect(try readAfterLateText(w, later: .seconds(seconds)).isEmpty)
    // And the new connection is none the worse for it.
    w.send(Array("new".utf8), from: w.a)
    w.run(.seconds(1))
    #expect(w.b.received == Array("new".utf8))
  }

  /// The generator's clock comes round after 2^32 ticks of 4 microseconds: exactly then it gives both
  /// ends the numbers of the first incarnation again, as one that always gave the same would.
  @Test(
    "S2.11 with the same initial sequence numbers again, the same late text is delivered",
    arguments: ScenarioFamily.allCases)
  func lateTextWithFixedNumbers(_ family: ScenarioFamily) throws {
    let w = twoStacks(family)
    let turn = TimeAmount.nanoseconds((1 << 32) * 4_000)
    #expect(try readAfterLateText(w, later: turn) == Array("old".utf8))
  }

  @Test("S2.11 SHLD-4 timestamps keep it out even then", .bothFamilies)
  func lateTextWithTimestamps() throws {
    let w = TwoStacks(.ipv4)
    let turn = TimeAmount.nanoseconds((1 << 32) * 4_000)
    #expect(try readAfterLateText(w, later: turn).isEmpty)
  }
}

extension TimeAmount {
  func subtracting(_ other: TimeAmount) -> TimeAmount { .nanoseconds(nanoseconds - other.nanoseconds) }
}
