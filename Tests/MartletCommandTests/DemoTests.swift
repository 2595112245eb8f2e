import MartletCommand
import MartletTCP
import MartletTrace
import MartletWire
import Testing

@Suite struct DemoTests {
  private static let page = String(repeating: "<p>text</p>\n", count: 400) + "</html>\n"

  /// The states that an end reported, in order.
  private func states(_ ladder: Ladder, _ side: Side) -> [TCPState] {
    let own = ladder.transitions.filter { $0.side == side }
    return own.prefix(1).map(\.old) + own.map(\.new)
  }

  @Test(
    "S4.2 S4.3 In memory a page is fetched: three segments to open, four to close, TIME-WAIT where it was closed first",
    arguments: [true, false])
  func fetch(isIPv4: Bool) throws {
    let ladder = try MemoryScenes.fetch(page: Self.page, isIPv4: isIPv4)
    #expect(
      states(ladder, .left) == [.closed, .synSent, .established, .finWait1, .finWait2, .timeWait, .closed])
    #expect(states(ladder, .right) == [.listen, .synReceived, .established, .closeWait, .lastAck, .closed])
    #expect(ladder.mismatches().isEmpty)
    let flags = ladder.observations.map(\.segment.flags)
    #expect(flags.prefix(3) == [.syn, [.syn, .ack], .ack])
    let closing = ladder.observations.suffix(4)
    #expect(closing.map { $0.segment.flags.contains(.fin) } == [true, false, true, false])
    #expect(closing.map(\.from) == [.left, .right, .right, .left])
    let text = ladder.text(LadderStyle(columns: 100, ascii: true))
    for word in ["three-segment open", "data", "four-segment close", "TIME-WAIT", "2 MSL have passed"] {
      #expect(text.contains(word), "\(word)")
    }
  }

  @Test("S4.5 Closed at the same moment, both ends pass through CLOSING", arguments: [true, false])
  func simultaneousClose(isIPv4: Bool) throws {
    let ladder = try MemoryScenes.simultaneousClose(isIPv4: isIPv4)
    let end: [TCPState] = [.established, .finWait1, .closing, .timeWait, .closed]
    #expect(states(ladder, .left).suffix(5) == end[...])
    #expect(states(ladder, .right).suffix(5) == end[...])
    #expect(ladder.mismatches().isEmpty)
    #expect(ladder.text().contains("simultaneous close"))
  }

  @Test("S4.6 After its half-close the client still receives everything", arguments: [true, false])
  func halfClose(isIPv4: Bool) throws {
    let ladder = try MemoryScenes.halfClose(isIPv4: isIPv4)
    #expect(states(ladder, .left).suffix(4) == [.finWait1, .finWait2, .timeWait, .closed])
    #expect(states(ladder, .right).suffix(3) == [.closeWait, .lastAck, .closed])
    let afterFIN = ladder.observations.drop { !$0.segment.flags.contains(.fin) }
    #expect(afterFIN.filter { $0.from == .right }.reduce(0) { $0 + $1.segment.textCount } == 3000)
    #expect(ladder.mismatches().isEmpty)
    #expect(ladder.text().contains("half-close"))
  }

  @Test("The same scene is the same, octet for octet")
  func determinism() throws {
    #expect(try MemoryScenes.simultaneousClose() == MemoryScenes.simultaneousClose())
  }

  @Test("The kernel's state is found in what ss prints")
  func ss() {
    let output = """
      LISTEN     0      128          0.0.0.0:22        0.0.0.0:*
      FIN-WAIT-2 0      0           10.7.0.2:40112     10.7.0.1:80
      TIME-WAIT  0      0           10.7.0.2:40113     10.7.0.1:80
      """
    #expect(StateCheck.state(of: "10.7.0.2:40112", in: output) == .finWait2)
    #expect(StateCheck.state(of: "10.7.0.2:40113", in: output) == .timeWait)
    #expect(StateCheck.state(of: "10.7.0.2:4011", in: output) == nil)
    #expect(StateCheck.state(of: "10.7.0.2:1", in: "") == nil)
  }
}
