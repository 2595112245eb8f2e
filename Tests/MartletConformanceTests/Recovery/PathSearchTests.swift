import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// When a larger segment is tried, and when not.

@Suite("RFC 4821 §7: when a search goes on")
struct PathSearchTests {
  private func sizes(_ s: Scenario) -> [Int] { s.takeSegments().map(\.text.count).filter { $0 > 0 } }

  /// After a black hole, and idle: 1,220 octets arrive, and the next size to try is 1,330.
  private func searching() -> (s: Scenario, end: Int) {
    let s = Scenario(.established(), offering: [.mss(1_460), .windowScale(4), .sackPermitted]) {
      $0.tcp.congestionControl = .newReno
    }
    s.send(100)
    s.takeSegments()
    s.advance(by: .milliseconds(100))
    s.inject(.ack(seq: 1, ack: 101))
    s.send(8_000)
    s.takeSegments()
    s.advance(by: .milliseconds(600))
    s.advance(by: .milliseconds(700))
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 8_101))
    #expect(s.status?.unacked == 0 && s.status?.sndMss == 1_220)
    // The window grows by text that is too short for a trial.
    var end = 8_101
    for _ in 1...10 {
      s.send(2_440)
      #expect(sizes(s).allSatisfy { $0 <= 1_220 })
      s.advance(by: .milliseconds(100))
      for _ in 1...2 {
        end += 1_220
        s.inject(.ack(seq: 1, ack: end))
      }
    }
    return (s, end)
  }

  @Test(
    "RFC 4821 §7.4: no larger size is tried while something is out of order, and afterwards it is",
    arguments: [true, false])
  func disorder(isThere: Bool) {
    let (s, end) = searching()
    s.send(2_440)
    #expect(sizes(s) == [1_220, 1_220])
    s.advance(by: .milliseconds(100))
    if isThere { s.inject(.ack(seq: 1, ack: end, options: [.sack([end + 1_220..<end + 2_440])])) }
    s.send(20_000)
    #expect(sizes(s).contains(1_330) == !isThere)
    guard isThere else { return }
    s.inject(.ack(seq: 1, ack: end + 2_440))
    #expect(sizes(s).contains(1_330))
  }

  @Test("RFC 4821 §7.3: what was found is not searched again after each pause")
  func found() {
    var (s, end) = searching()
    // The path takes 1,300 octets. Returns the largest that was sent.
    func write(_ count: Int) -> Int {
      var largest = 0
      s.send(.count(count))
      for _ in 0..<200 where s.status?.unacked != 0 {
        let sent = s.takeSegments().filter { !$0.text.isEmpty }
        largest = max(largest, sent.map(\.text.count).max() ?? 0)
        end = max(end, sent.map { $0.seq + $0.text.count }.max() ?? 0)
        s.advance(by: .milliseconds(100))
        if let lost = sent.first(where: { $0.text.count > 1_300 }) {
          s.inject(
            .ack(seq: 1, ack: lost.seq, options: [.sack([lost.seq + lost.text.count..<end])]))
        } else {
          s.inject(.ack(seq: 1, ack: end))
        }
      }
      return largest
    }
    #expect(write(200_000) == 1_330)
    #expect(s.status?.sndMss == 1_288)
    for _ in 1...3 {
      s.advance(by: .seconds(1))
      #expect(write(20_000) <= 1_288)
    }
  }
}
