import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// The receive window follows the path (RFC 7323 §1.1), within memory, and never back (SHLD-14).

@Suite("RFC 7323 §1.1: a receive window that fits the path")
struct ReceiveBufferTests {
  private let start = 64 << 10

  private func scenario(
    timestamps: Bool = true, _ change: (inout StackConfiguration) -> Void = { _ in }
  ) -> Scenario {
    var offer: [ScriptOption] = [.mss(1_460), .sackPermitted, .windowScale(7)]
    if timestamps { offer.append(.timestamps(1_000, 0)) }
    let s = Scenario(.established(), offering: offer) {
      $0.tcp.receiveBuffer = 64 << 10
      change(&$0)
    }
    return s
  }

  /// One round trip of 100 ms: so many octets arrive in its first half, read or not.
  @discardableResult
  private func round(_ s: Scenario, from seq: inout Int, octets: Int, reads: Bool = true) -> Int {
    var left = octets
    while left > 0 {
      let count = min(left, 1_400)
      s.inject(.segment(.ack, seq: seq, ack: 1, .count(count)))
      seq += count
      left -= count
      if reads { s.receive() }
    }
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    s.takeSegments()
    return Int(s.status?.receiveBuffer ?? 0)
  }

  @Test("RFC 7323 §1.1 twice what is read in a round trip, or more", .bothFamilies, arguments: [true, false])
  func grows(timestamps: Bool) {
    let s = scenario(timestamps: timestamps)
    var seq = 1
    // Less than half the buffer in a round trip: there is nothing to gain.
    for _ in 0..<5 { #expect(round(s, from: &seq, octets: 30_000) == start) }
    // A sender in slow start doubles: the buffer is always there before it.
    var window = 60_000
    for _ in 0..<7 {
      let size = round(s, from: &seq, octets: min(window, Int(s.status?.rcvWnd ?? 0)))
      window *= 2
      // The last segment of a round was read after it was measured.
      #expect(size >= min(window / 2 / 10 * 9, 5 << 20), "\(window)")
    }
    #expect(s.counters.tcp.tcpRcvBufferGrown == 3)
    // And the peer is told.
    s.inject(.segment(.ack, seq: seq, ack: 1, 1_400))
    s.inject(.segment(.ack, seq: seq + 1_400, ack: 1, 1_400))
    let told = s.takeSegments().last.map { $0.window << 7 } ?? 0
    #expect(told > 2 << 20)
  }

  @Test("RFC 7323 §1.1 an application that does not read makes nothing grow", .bothFamilies)
  func unread() {
    let s = scenario()
    var seq = 1
    for _ in 0..<10 {
      #expect(round(s, from: &seq, octets: min(40_000, Int(s.status?.rcvWnd ?? 0)), reads: false) == start)
    }
    #expect(s.status?.rcvWnd == 0)
    // Reading it all at once is no measure of the path either.
    s.receive()
    #expect(round(s, from: &seq, octets: 1_400) <= 4 * start)
  }

  @Test("RFC 7323 §1.1 a size that the application has set stays", .bothFamilies)
  func fixed() {
    let s = scenario()
    var seq = 1
    // Asking and setting the same is no wish.
    s.setOptions { $0.noDelay = true }
    round(s, from: &seq, octets: 60_000)
    #expect(round(s, from: &seq, octets: 60_000) > start)
    s.setOptions { $0.receiveBuffer = 100_000 }
    let set = Int(s.status?.receiveBuffer ?? 0)
    for _ in 0..<5 { #expect(round(s, from: &seq, octets: 90_000) == set) }
    let off = scenario { $0.tcp.fitsReceiveBuffer = false }
    seq = 1
    for _ in 0..<5 { #expect(round(off, from: &seq, octets: 60_000) == start) }
  }

  @Test("RFC 7323 §1.1 echoes that lie open nothing that was not read", .bothFamilies)
  func lyingEchoes() {
    let s = scenario()
    var seq = 1
    for i in 0..<200 {
      // Each claims to have heard us later than the last.
      s.inject(
        .data(seq: seq, ack: 1, 1_000, options: [.timestamps(2_000 + UInt32(i), UInt32(i) &* 40_000)])
          .withoutTimestamps())
      seq += 1_000
      s.receive()
    }
    #expect(Int(s.status?.receiveBuffer ?? 0) <= 8 * start)
    s.takeSegments()
  }

  @Test("RFC 7323 §2.2 without a window scale the field is the limit", .bothFamilies)
  func unscaled() {
    let s = Scenario(.established(), offering: [.mss(1_460), .timestamps(1_000, 0)]) {
      $0.tcp.receiveBuffer = 32 << 10
    }
    var seq = 1
    for _ in 0..<10 { #expect(round(s, from: &seq, octets: 30_000) <= 65_536) }
  }

  @Test(
    "RFC 7323 §1.1 a long fat path is filled: 50 Mbit/s over 100 ms", .bothFamilies, arguments: [true, false])
  func longFatPath(timestamps: Bool) {
    var conditions = LinkConditions(delay: .milliseconds(50))
    conditions.rate = 50_000_000
    conditions.queue = 4_000_000
    var configuration = StackConfiguration()
    configuration.tcp.timestamps = timestamps
    configuration.tcp.sendBuffer = 6 << 20
    let pair = Pair(conditions, client: configuration, server: configuration)
    pair.connect()
    var received = 0
    var sent = 0
    for _ in 0..<200 {
      let room = (6 << 20) - Int(pair.status(.client).map { $0.unacked &+ $0.notsentBytes } ?? 0)
      if room > 500_000 {
        pair.send(.client, .count(500_000))
        sent += 500_000
      }
      pair.run(for: .milliseconds(10))
      received += pair.receive(.server).octets.count
    }
    let size = Int(pair.status(.server)?.receiveBuffer ?? 0)
    #expect(size >= 1_250_000, "\(size) octets, \(received) received of \(sent)")
  }
}
