import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite struct ScenarioTests {
  @Test("A handshake, text both ways and a close, as a script", arguments: ScenarioFamily.allCases)
  func conversation(_ family: ScenarioFamily) {
    let s = Scenario(.listening(port: 80), family: family)
    s.inject(.syn(seq: 0, window: 65_535, options: [.mss(1_460), .sackPermitted]))
    s.expect(.synAck(seq: 0, ack: 1))
    #expect(s.state == .synReceived)
    s.inject(.ack(seq: 1, ack: 1))
    s.expectNothing()
    #expect(s.state == .established)
    #expect(s.accepted.count == 1)

    s.inject(.data(seq: 1, ack: 1, "hello"))
    s.expectNothing()
    s.expectNext(after: .milliseconds(40), .ack(seq: 1, ack: 6))
    #expect(s.receive().text == "hello")

    s.send("and back")
    s.expect(.data(seq: 1, ack: 6, "and back"))
    s.inject(.ack(seq: 6, ack: 9))
    s.close()
    s.expect(.fin(seq: 9, ack: 6))
    s.inject(.fin(seq: 6, ack: 10))
    s.expect(.ack(seq: 10, ack: 7))
    s.expectState(.timeWait)
    s.advance(by: .seconds(61))
    s.expectQuiet()
    #expect(s.state == .closed)
  }

  static let starts: [ScenarioStart] =
    [ScenarioRole.passive, .active].flatMap { role -> [ScenarioStart] in
      [
        .synReceived(role), .established(role), .finWait1(role), .finWait2(role), .closeWait(role),
        .closing(role),
        .lastAck(role), .timeWait(role), .finWait1(role, orphan: true), .finWait2(role, orphan: true),
        .closing(role, orphan: true), .lastAck(role, orphan: true), .timeWait(role, orphan: true),
      ]
    } + [.closed, .listening, .synSent]

  @Test("Every state can be the start of a script", arguments: starts)
  func start(_ start: ScenarioStart) {
    for family in ScenarioFamily.allCases {
      let s = Scenario(start, family: family)
      #expect(s.state == start.state)
      s.expectNothing()
      // Each outlives a reset, and nothing is left of any.
      let seq = [.closeWait, .lastAck, .closing, .timeWait].contains(start.state) ? 2 : 1
      s.inject(.rstAck(seq: start.state == .synSent ? 0 : seq, ack: 1))
      if let id = s.connection { try? s.stack.close(id, now: s.now) }
      s.advance(by: .seconds(130))
      s.takeSegments()
      s.expectQuiet()
    }
  }

  @Test("Options are agreed upon as the peer offers", arguments: [ScenarioRole.passive, .active])
  func options(_ role: ScenarioRole) throws {
    let plain = Scenario(.established(role))
    #expect(plain.status?.timestamps == false)
    #expect(plain.status?.windowScaling == false)
    let rich = Scenario(.established(role), offering: ScriptOption.everything())
    #expect(rich.status?.timestamps == true)
    #expect(rich.status?.sack == true)
    #expect(rich.status?.windowScaling == true)
    rich.send(10)
    let seen = try #require(rich.expect(.data(seq: 1, ack: 1, 10).carrying(.timestamps)))
    #expect(seen.timestamps?.echo == 1_000)
    rich.inject(.ack(seq: 1, ack: 11))
    #expect(rich.status?.unacked == 0)
  }

  @Test(
    "The initial sequence numbers of both ends can be chosen", arguments: [ScenarioRole.passive, .active])
  func chosenNumbers(_ role: ScenarioRole) {
    let s = Scenario(.established(role), peerISN: 0xffff_fff0, iss: 0xffff_ff00)
    #expect(s.status?.sndNxt == SequenceNumber(0xffff_ff01))
    #expect(s.status?.rcvNxt == SequenceNumber(0xffff_fff1))
    s.send(600)
    s.expect(.data(seq: 1, 600))
    s.inject(.data(seq: 1, ack: 601, 100))
    #expect(s.receive().octets == scriptText(0..<100))
    #expect(s.status?.unacked == 0)
  }
}

@Suite struct WindowUpdateTests {
  @Test("MUST-39 reading causes no update where the window field is full already")
  func noUpdateBeyondTheField() {
    // 256 KiB of buffer, no scaling: the field says 65,535 before and after.
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 5))
    s.expectNext(after: .milliseconds(40), .ack(ack: 6, window: 65_535))
    #expect(s.receive().octets.count == 5)
    s.expectNothing()
  }
}
