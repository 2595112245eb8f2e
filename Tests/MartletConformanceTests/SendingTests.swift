import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.7.4 and §3.8.6.2.1: how much text makes a segment.

@Suite("RFC 9293: sending")
struct SendingTests {
  @Test(
    "SHLD-7 Nagle: a small write waits while anything is unacknowledged, a full segment does not",
    .bothFamilies)
  func nagle() {
    let s = Scenario(.established())
    s.send(10)
    s.expect(.data(seq: 1, 10))
    s.send(10)
    s.expectNothing()
    s.send(1_460)
    s.expect(.data(seq: 11, 1_460))
    s.inject(.ack(seq: 1, ack: 11))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 1_471))
    s.expect(.data(seq: 1_471, 10))
  }

  @Test("MUST-17 the application may switch Nagle off", arguments: ScenarioFamily.allCases)
  func noDelay(family: ScenarioFamily) {
    let s = Scenario(.established(), family: family)
    s.send("a")
    s.expect(.data(seq: 1, "a"))
    s.send("b")
    s.expectNothing()
    s.setOptions { $0.noDelay = true }
    s.expect(.data(seq: 2, "b"))
    s.send("c")
    s.expect(.data(seq: 3, "c"))
    s.setOptions { $0.noDelay = false }
    s.send("d")
    s.expectNothing()
  }

  @Test("MUST-17 for all of a listener's connections, and for an open", .bothFamilies)
  func noDelayFromTheStart() {
    let s = Scenario(.established()) { $0.tcp.connection.noDelay = true }
    let l = Scenario(.closed)
    var options = ListenerOptions()
    options.connection.noDelay = true
    l.listen(port: 80, options)
    l.inject(.syn())
    l.expect(.synAck())
    l.inject(.ack())
    let active = Scenario(.closed)
    active.connect(options.connection)
    active.expect(.syn())
    active.inject(.synAck())
    active.expect(.ack())
    for scenario in [l, active] {
      #expect(scenario.status?.noDelay == true)
      for (place, letter) in ["a", "b", "c"].enumerated() {
        scenario.send(ScriptText(stringLiteral: letter))
        scenario.expect(.data(seq: 1 + place, ScriptText(stringLiteral: letter)))
      }
    }
    // A listener that says nothing takes its own default, not that of opens.
    #expect(s.status?.noDelay == false)
  }

  @Test("MUST-38 a window that opens by slivers is not answered with slivers", .bothFamilies)
  func slivers() {
    let s = Scenario(.established(), window: 4_380)
    s.send(20_000)
    for seq in [1, 1_461, 2_921] { s.expect(.data(seq: seq, 1_460)) }
    // The peer reads 100 octets at a time.
    var window = 0
    for read in 1...14 {
      s.inject(.ack(seq: 1, ack: 4_381, window: UInt16(read * 100)))
      window = read * 100
      s.expectNothing()
    }
    s.inject(.ack(seq: 1, ack: 4_381, window: UInt16(window + 60)))
    s.expect(.data(seq: 4_381, 1_460))
  }

  @Test(
    "MUST-38 (3): half of the largest window ever offered is worth a segment, where windows are small",
    .bothFamilies)
  func halfOfLargest() {
    let s = Scenario(.established(), window: 1_000)
    s.send(5_000)
    s.expect(.data(seq: 1, 1_000))
    s.inject(.ack(seq: 1, ack: 1_001, window: 499))
    s.expectNothing()
    s.inject(.ack(seq: 1, ack: 1_001, window: 500))
    s.expect(.data(seq: 1_001, 500))
  }

  @Test("MUST-38 (4): what stays small leaves by the override timer, within a second", .bothFamilies)
  func override() {
    let s = Scenario(.established(), window: 4_380)
    s.send(20_000)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 4_381, window: 100))
    s.expectNext(in: .milliseconds(100)...(.seconds(1)), .data(seq: 4_381, 100))
    s.expectNothing()
  }

  @Test(
    "MUST-49 the hop limit can be set, for the stack, a listener, an open, and at any time",
    arguments: ScenarioFamily.allCases)
  func hopLimit(family: ScenarioFamily) {
    let s = Scenario(.listening, family: family) { $0.hopLimit = 99 }
    s.inject(.syn())
    s.expect(.synAck().hopLimit(99))
    s.inject(.ack())
    s.send("a")
    s.expect(.data(seq: 1, "a").hopLimit(99))
    s.setOptions { $0.hopLimit = 7 }
    s.inject(.ack(seq: 1, ack: 2))
    s.send("b")
    s.expect(.data(seq: 2, "b").hopLimit(7))
    s.inject(.rst(seq: 5))
    s.expect(.ack().hopLimit(7))

    let l = Scenario(.closed, family: family)
    var options = ListenerOptions()
    options.connection.hopLimit = 3
    l.listen(port: 80, options)
    l.inject(.syn())
    l.expect(.synAck().hopLimit(3))
    l.inject(.ack())
    l.send("a")
    l.expect(.data(seq: 1, "a").hopLimit(3))

    let active = Scenario(.closed, family: family)
    active.connect(options.connection)
    active.expect(.syn().hopLimit(3))
  }
}
