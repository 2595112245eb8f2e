import MartletTCP
import MartletWire
import Testing

@Suite("Times of what was sent, where memory is short")
struct RecordTimesTests {
  /// A bottleneck that takes 20 ms for a segment, 600 ms away.
  @Test(
    "RFC 6298 §3: where neighbours share a record, no round trip is measured that was shorter than the path",
    arguments: [false, true])
  func noShorterThanThePath(timestamps: Bool) throws {
    var configuration = TCPConfiguration()
    configuration.timestamps = timestamps
    configuration.congestionControl = .newReno
    // The handshake takes 2 ms.
    configuration.minimumRTO = .seconds(5)
    configuration.sack = false
    var pair = EndpointPair(configuration: configuration, clientBudget: 1 << 20)
    var now = pair.now
    #expect(try pair.client.send([UInt8](repeating: 1, count: 200_000), now) == 200_000)
    // Nobody has memory left: two records are all there is room for.
    while pair.client.around.pool.allocate(&pair.client.around.budget) != 0 {}
    var free = now
    var arrivals: [(at: Instant, ack: SequenceNumber, stamp: UInt32)] = []
    var shortest = UInt32.max
    var measuredHalfway: UInt32?
    for _ in 0..<20_000 where !pair.client.cold.send.isEmpty {
      pair.client.fire(now)
      pair.client.pull(now)
      for (plan, text) in pair.client.sent where !text.isEmpty {
        free = max(free, now).advanced(by: .milliseconds(20))
        arrivals.append(
          (
            free.advanced(by: .milliseconds(600)),
            plan.seq.advanced(by: UInt32(text.count)), plan.options.tsval
          ))
      }
      pair.client.sent = []
      while let next = arrivals.first, next.at <= now {
        arrivals.removeFirst()
        var segment = Segment(
          seq: pair.client.tcb.rcv.nxt, ack: next.ack, flags: .ack, wnd: UnscaledWindow(60_000))
        if timestamps {
          segment.options.present = .timestamps
          segment.options.tsval = pair.client.tcb.timestamps.recent
          segment.options.tsecr = next.stamp
        }
        _ = pair.client.tcb.segmentArrives(
          segment, text: [UInt8]().span.bytes, cold: &pair.client.cold, &pair.client.around, now: now)
        let least = pair.client.cold.rack.minimumRoundTrip
        if least > 0 { shortest = min(shortest, least) }
        if measuredHalfway == nil, pair.client.cold.send.count < 100_000 {
          let status = pair.client.tcb.status(cold: pair.client.cold, pair.client.around, now: now)
          measuredHalfway = status.rtt
        }
      }
      now = now.advanced(by: .milliseconds(1))
    }
    #expect(pair.client.cold.send.isEmpty)
    #expect(shortest >= 600_000, "\(shortest)")
    #expect(pair.client.tcb.retransmissions == 0)
    // Timestamps have told all the while how long the path is: once in a round trip, not only where a record ends.
    if timestamps {
      let halfway = try #require(measuredHalfway)
      #expect(halfway > 250_000, "\(halfway)")
    }
  }
}
