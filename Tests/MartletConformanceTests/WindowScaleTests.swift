import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 7323 §2: windows beyond 64 KiB. What both ends agree upon is in MartletRequirementTests, S2.10.

@Suite("RFC 7323 §2: window scaling")
struct WindowScaleTests {
  @Test(
    "RFC7323-2.2-a RFC7323-2.3-a a stack that needs no scale offers a shift of 0",
    arguments: ScenarioFamily.allCases)
  func shiftOfZero(family: ScenarioFamily) {
    func small(_ configuration: inout StackConfiguration) {
      configuration.tcp.receiveBuffer = 32_768
      configuration.tcp.maximumReceiveBuffer = 65_535
    }
    let client = Scenario(.closed, family: family, small)
    client.connect()
    client.expect(.syn(options: [.windowScale(0)]))
    let server = Scenario(.listening, family: family, small)
    server.inject(.syn(options: [.mss(1_400), .windowScale(3)]))
    server.expect(.synAck(options: [.windowScale(0)]))
    server.inject(.ack(window: 1_000))
    #expect(server.status?.sndWnd == 8_000)
  }

  @Test(
    "RFC7323-2.2-c on a segment without SYN the option changes no scale", .bothFamilies, arguments: [nil, 3])
  func afterHandshake(shift: UInt8?) {
    let offer: [ScriptOption] = [.mss(1_460)] + (shift.map { [.windowScale($0)] } ?? [])
    let s = Scenario(.established(), offering: offer)
    s.inject(.ack(seq: 1, ack: 1, window: 1_000, options: [.windowScale(9)]))
    #expect(s.status?.sndWnd == 1_000 << UInt32(shift ?? 0))
    s.inject(.data(seq: 1, ack: 1, window: 2_000, "text", options: [.windowScale(9)]))
    #expect(s.status?.sndWnd == 2_000 << UInt32(shift ?? 0))
    #expect(s.status?.windowScaling == (shift != nil))
    #expect(s.receive().text == "text")
  }

  @Test(
    "RFC7323-2.4-b/c what was offered once is in the window, though the field has rounded it away since",
    .bothFamilies)
  func roundedEdge() {
    let s = Scenario(.established(), offering: [.mss(1_460), .sackPermitted, .windowScale(7)])
    s.inject(.data(seq: 1, ack: 1, 1_460))
    var edge = 0
    for i in 0..<20 {
      s.inject(.data(seq: 1_461 + i * 100, ack: 1, 100))
      s.advance(by: .milliseconds(40))
      for ack in s.takeSegments() { edge = max(edge, ack.ack + ack.window << 7) }
    }
    let last = 3_461
    s.inject(.data(seq: last, ack: 1, 1))
    s.advance(by: .milliseconds(40))
    let rounded = s.takeSegments().last.map { $0.ack + $0.window << 7 } ?? 0
    #expect(rounded < edge)
    s.inject(.data(seq: edge - 100, ack: 1, 100))
    s.expect(.ack(ack: last + 1, options: [.sack([edge - 100..<edge])]))
    s.inject(.data(seq: edge, ack: 1, 100))
    #expect(s.takeSegments().last?.sack.contains { $0.upperBound > edge } == false)
  }
}
