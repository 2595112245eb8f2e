import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.8.4.

@Suite("RFC 9293: keepalive")
struct KeepAliveTests {
  /// A connection that probes after 60 s, then every 10 s, and gives up after the fourth.
  private func probing(family: ScenarioFamily = .standard) -> Scenario {
    let s = Scenario(.established(), family: family)
    s.setOptions {
      $0.keepAlive = true
      $0.keepAliveIdle = 60
      $0.keepAliveInterval = 10
      $0.keepAliveCount = 4
    }
    return s
  }

  @Test("MUST-25 by default an idle connection is never probed", .bothFamilies)
  func off() {
    let s = Scenario(.established())
    s.expectNothing(for: .hours(24 * 30))
    #expect(s.state == .established)
    s.inject(.data(seq: 1, ack: 1, "still there"))
    #expect(s.receive().text == "still there")
  }

  @Test(
    "MUST-24 MUST-28 SHLD-12 switched on, the first probe comes after two hours, empty, one before the next number",
    .bothFamilies
  )
  func defaults() {
    let s = Scenario(.established())
    s.setOptions { $0.keepAlive = true }
    s.expectNext(after: .hours(2), .ack(seq: 0, ack: 1))
    s.inject(.ack(seq: 1, ack: 1))
    s.expectNext(after: .hours(2), .ack(seq: 0, ack: 1))
    s.inject(.ack(seq: 1, ack: 1))
    s.setOptions { $0.keepAlive = false }
    s.expectNothing(for: .hours(24))
  }

  @Test("MUST-24 for each connection by itself, from its first moment", .bothFamilies)
  func each() {
    let s = Scenario(.closed)
    var options = ConnectionOptions()
    options.keepAlive = true
    s.connect(options)
    s.expect(.syn())
    s.inject(.synAck())
    s.expect(.ack())
    s.connect(to: 81, from: 50_000)
    s.expect(.syn())
    s.inject(.synAck())
    s.expect(.ack())
    s.expectNext(after: .hours(2), .ack(seq: 0, ack: 1).to(port: 80))
    s.advance(by: .minutes(1))
    s.expectNothing()
  }

  @Test("MUST-27 the times can be set", arguments: ScenarioFamily.allCases)
  func intervals(family: ScenarioFamily) {
    let s = probing(family: family)
    s.expectNext(after: .seconds(60), .ack(seq: 0, ack: 1))
    for _ in 2...4 { s.expectNext(after: .seconds(10), .ack(seq: 0, ack: 1)) }
    s.expectNext(after: .seconds(10), .reset())
    #expect(s.endReason == .keepAliveTimedOut)
    #expect(s.news.contains(.ended))
    #expect(s.receive().error == .ended(.keepAliveTimedOut))
  }

  @Test("MUST-26 whatever comes from the peer puts the probe off", .bothFamilies)
  func traffic() {
    let s = probing()
    s.advance(by: .seconds(50))
    s.inject(.ack(seq: 1, ack: 1))
    s.expectNothing(for: .seconds(59))
    s.inject(.data(seq: 1, ack: 1, "x"))
    s.expectNext(after: .milliseconds(40), .ack(ack: 2))
    s.expectNext(after: .milliseconds(59_960), .ack(seq: 0, ack: 2))
  }

  @Test(
    "MUST-26 an acknowledgment of our text puts it off too, and while text is unacknowledged it is not asked",
    .bothFamilies)
  func unacknowledged() {
    let s = probing()
    s.advance(by: .seconds(59))
    s.send("x")
    s.expect(.data(seq: 1, "x"))
    for wait in [1, 2, 4, 8] as [Int64] { s.expectNext(after: .seconds(wait), .data(seq: 1, "x")) }
    s.inject(.ack(seq: 1, ack: 2))
    s.expectNext(after: .seconds(60), .ack(seq: 1, ack: 1))
  }

  @Test("MUST-29 any answer counts, however many probes were lost before it", .bothFamilies, arguments: 1...4)
  func lostProbes(sent: Int) {
    let s = probing()
    s.expectNext(after: .seconds(60), .ack(seq: 0, ack: 1))
    for _ in 1..<sent { s.expectNext(after: .seconds(10), .ack(seq: 0, ack: 1)) }
    s.inject(.ack(seq: 1, ack: 1))
    // All the tries are there again.
    s.expectNext(after: .seconds(60), .ack(seq: 0, ack: 1))
    for _ in 2...4 { s.expectNext(after: .seconds(10), .ack(seq: 0, ack: 1)) }
    #expect(s.state == .established)
  }

  @Test("A peer that restarted answers a probe with a reset, and that is told", .bothFamilies)
  func restarted() {
    let s = probing()
    s.expectNext(after: .seconds(60), .ack(seq: 0, ack: 1))
    s.inject(.rst(seq: 1))
    #expect(s.endReason == .reset)
  }

  @Test(
    "MUST-26 while a tail-loss probe or the reordering window is waited for, no keep-alive is sent",
    .bothFamilies)
  func besideLossTimers() {
    let r = RecoveryScript().measured()
    r.s.setOptions {
      $0.keepAlive = true
      $0.keepAliveIdle = 1
    }
    r.advance(900)
    r.send(2)
    r.expect(1, 2)
    // The keep-alive is due after another 100 ms, the probe after 200.
    r.s.expectNothing(for: .milliseconds(199))
    r.s.expectNext(after: .milliseconds(1), .data(seq: 2_001, 1_000))

    // A path that becomes longer and longer, until RACK waits for more than a second.
    let slow = RecoveryScript().measured()
    var next = 1
    while let rtt = slow.s.status?.rtt, rtt < 6_000_000 {
      slow.send(1)
      slow.expect(next)
      slow.advance(Int64(rtt) / 500)
      next += 1
      slow.ack(next)
    }
    slow.s.setOptions {
      $0.keepAlive = true
      $0.keepAliveIdle = 1
    }
    slow.send(3)
    slow.expect(next..<next + 3)
    slow.advance(6_000)
    slow.ack(next, next + 1..<next + 2)
    #expect(slow.s.status?.timer == .reordering)
    #expect(slow.s.status?.timerIn ?? 0 > 1_400)
    slow.s.expectNothing(for: .milliseconds(1_400))
    slow.advance(600)
    slow.expect(next)
  }
}
