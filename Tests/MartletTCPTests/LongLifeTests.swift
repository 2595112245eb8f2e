import MartletTCP
import MartletWire
import Testing

/// What goes wrong only after gigabytes, shown by numbers that lie that far apart.
@Suite("Numbers that fall half a turn behind")
struct LongLifeTests {
  @Test("Header prediction carries SND.WL1 along, so a window update counts after 2 GiB of text")
  func wl1FollowsPredictedText() throws {
    var pair = EndpointPair()
    #expect(try pair.client.send([UInt8](repeating: 1, count: 20_000), pair.now) == 20_000)
    pair.run()
    #expect(pair.server.around.counters.tcpHPHits > 0)
    let behind = pair.server.tcb.rcv.nxt.distance(from: pair.server.tcb.snd.wl1)
    #expect(behind <= 1_460)
  }

  @Test(
    "\"recover\" follows SND.UNA while nothing is recovered, so duplicates count after 2 GiB (RFC 6582 §3.2)")
  func recoverFollows() throws {
    var pair = EndpointPair()
    // As it would lie after 2 GiB without a recovery, had nothing moved it.
    pair.client.cold.recover = pair.client.tcb.snd.una.advanced(by: 1 << 30)
    #expect(try pair.client.send([UInt8](repeating: 1, count: 5_000), pair.now) == 5_000)
    pair.client.pull(pair.now)
    #expect(pair.client.cold.recover.advanced(by: 1) == pair.client.tcb.snd.una)
    // And while text stays in flight all the time.
    for (plan, text) in pair.client.sent.prefix(2) { pair.server.arrives(plan, text, pair.now) }
    pair.server.pull(pair.now)
    for (plan, text) in pair.server.sent { pair.client.arrives(plan, text, pair.now) }
    #expect(pair.client.tcb.snd.flight > 0)
    #expect(pair.client.cold.recover.advanced(by: 1) == pair.client.tcb.snd.una)
  }

  @Test("A reset in LAST-ACK with text unsent is a reset, not an orderly close")
  func resetLosesText() throws {
    var pair = EndpointPair()
    _ = try pair.client.tcb.shutdownSend(cold: pair.client.cold, &pair.client.around, now: pair.now)
    pair.run()
    #expect(try pair.server.send([UInt8](repeating: 1, count: 100_000), pair.now) == 100_000)
    _ = try pair.server.tcb.shutdownSend(cold: pair.server.cold, &pair.server.around, now: pair.now)
    #expect(pair.server.tcb.state == .lastAck)
    let reset = SegmentPlan(
      seq: pair.server.tcb.rcv.nxt, ack: pair.server.tcb.snd.una, flags: [.rst, .ack],
      window: UnscaledWindow(0))
    pair.server.arrives(reset, [], pair.now)
    #expect(pair.server.tcb.endReason == .reset)
  }

  @Test("An abort after a time-out resets at SND.MAX, where the peer may stand, not at SND.UNA")
  func abortAfterTimeout() throws {
    var pair = EndpointPair()
    #expect(try pair.client.send([UInt8](repeating: 1, count: 5_000), pair.now) == 5_000)
    pair.client.pull(pair.now)
    // The tail-loss probe, then the time-out.
    for _ in 1...2 {
      pair.now = pair.now.advanced(by: .seconds(2))
      pair.client.fire(pair.now)
      pair.client.pull(pair.now)
    }
    let max = pair.client.tcb.snd.max
    #expect(pair.client.tcb.recovery.phase == .timeout && max != pair.client.tcb.snd.una)
    _ = pair.client.tcb.abort(cold: &pair.client.cold, &pair.client.around, now: pair.now)
    #expect(pair.client.tcb.abortingReset().seq == max)
  }

  @Test("SHLD-19 With timestamps, too, every second full-size segment is acknowledged")
  func everySecondSegment() throws {
    var pair = EndpointPair()
    #expect(try pair.client.send([UInt8](repeating: 1, count: 2 * 1_448), pair.now) == 2 * 1_448)
    pair.client.pull(pair.now)
    #expect(pair.client.sent.map(\.text.count) == [1_448, 1_448])
    for (plan, text) in pair.client.sent { pair.server.arrives(plan, text, pair.now) }
    #expect(pair.server.pull(pair.now) == 1)
  }
}
